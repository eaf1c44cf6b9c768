"""A Forwarder whose uplink TAP is gone, for what no kernel does on demand."""

from collections.abc import Sequence
from typing import Any

from vtep.daemon.forwarder import Forwarder
from vtep.dataplane.vtep import Vtep
from vtep.offload.inject import Envelopes
from vtep.wire.outer import Outer


def failed_uplink(vtep: Vtep, error: int) -> tuple[Forwarder, list[Any]]:
    """Return a Forwarder that injects until its TAP answers with *error*; and what sockets send."""
    way = Outer(b"\x02" * 6, bytes([10, 0, 1, 4]), bytes([10, 0, 1, 41]), 0, 4789, 64)
    for peer in vtep.peers():
        peer.envelopes = Envelopes(way, [50_000])
    sent: list[Any] = []

    class Sockets:
        segments = 64

        def send(self, parts: Sequence[Any], *_: Any) -> int:
            sent.append(sum(map(len, parts)))
            return 0

    class Injector:
        name = "vx0-up"

        def write(self, parts: Sequence[Any]) -> int:
            return error

    class Uplink:
        injector, injected, failed = Injector(), 0, None

        def fail(self, why: str, peers: Any) -> None:
            for peer in peers:
                peer.envelopes = None

    forwarder = Forwarder.__new__(Forwarder)
    forwarder._vtep = vtep
    forwarder._underlay = Sockets()  # type: ignore[assignment]
    forwarder._uplink = Uplink()  # type: ignore[assignment]
    return forwarder, sent
