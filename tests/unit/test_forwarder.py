"""The Forwarder between real devices, where the kernel does not do what it usually does."""

import errno
import logging
import select
import socket
from typing import Any

from tests.unit.namespaces import in_private_namespaces, sh
from tests.unit.one_host import PEER, config, host
from tests.unit.test_underlay import SO_NO_CHECK
from vtep.config.model import MIN_MTU, Config, OverlayConfig, UnderlayConfig
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import bring_up
from vtep.dataplane.counters import Drop
from vtep.dataplane.decap import Delivery
from vtep.dataplane.encap_queue import Transmit
from vtep.trace.outcome import Outcome
from vtep.wire import vxlan


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Any]] = []
        logger = logging.getLogger("vtep")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append((record.getMessage(), record.__dict__["fields"]))


@in_private_namespaces
def test_a_kernel_that_cannot_cut_is_told_of_once_and_not_asked_again() -> None:
    host()
    sh(f"ip neighbor add {PEER} lladdr 02:00:00:00:00:02 dev u1")
    log = Lines()
    with bring_up(config()) as runtime:
        for sock in runtime.underlay._sending:
            sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)  # not together with UDP_SEGMENT
        forwarder, outbound = Forwarder(runtime), runtime.vtep.outbound
        assert outbound.max_segments == runtime.underlay.segments > 1
        [(port, tap)] = runtime.taps.items()
        overlay = runtime.vtep.overlays[100]
        transmit = Transmit(overlay, (memoryview(bytes(300)),), overlay.flood, 100, 0, 300)
        outbound.encapsulate = lambda *_: [transmit]  # type: ignore[method-assign,assignment]
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire:
            wire.bind(("u1p", 0x0800))
            wire.settimeout(5)
            for _ in range(2):
                forwarder._from_tap(port, tap)
            assert [len(wire.recv(2000)) for _ in range(6)] == [128] * 6
        assert outbound.max_segments == 1
        assert overlay.drops == {}
    why = "Invalid argument"
    assert log.seen == [
        (f"UDP_SEGMENT failed ({why}): sending each datagram alone from now on", {"udp_segment": 1})
    ]


@in_private_namespaces
def test_what_a_full_socket_does_not_take_is_dropped_and_counted() -> None:
    host()
    with bring_up(config()) as runtime:
        for sock in runtime.underlay._sending:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
        forwarder, outbound = Forwarder(runtime), runtime.vtep.outbound
        [(port, tap)] = runtime.taps.items()
        overlay = runtime.vtep.overlays[100]
        transmit = Transmit(overlay, (memoryview(bytes(1000)),), overlay.flood, 0, 0, 1000)
        outbound.encapsulate = lambda *_: [transmit] * 32  # type: ignore[method-assign,assignment]
        # Nobody answers for the peer's address: what is sent waits, and counts as the socket's.
        forwarder._from_tap(port, tap)
        assert overlay.drops.keys() == {Drop.SOCKET_FULL}
        assert 20 < overlay.drops[Drop.SOCKET_FULL] < 32


@in_private_namespaces
def test_what_a_full_tap_does_not_take_is_dropped_and_counted() -> None:
    host()
    with bring_up(config(PEER)) as runtime:
        [tap] = runtime.taps.values()
        overlay = runtime.vtep.overlays[100]
        frame = memoryview(bytes(10) + b"\xff" * 6 + b"\x02\0\0\0\0\x07\x88\xb5" + bytes(50))
        written = []

        def full(parts: Any) -> int:
            written.append(parts)
            return errno.EAGAIN

        tap.write = full  # type: ignore[method-assign]  # tun(4) queues: it is full for no test
        forwarder = Forwarder(runtime)
        delivery = Delivery(overlay, (frame,))
        runtime.vtep.inbound.decapsulate = (  # type: ignore[method-assign]
            lambda *_: [delivery] * 3
        )
        forwarder._from_underlay()
        assert len(written) == 3
        assert overlay.drops == {Drop.TAP_FULL: 3}


@in_private_namespaces
def test_a_witness_is_told_of_each_frame_while_there_is_one() -> None:
    host()
    sh(f"ip neighbor add {PEER} lladdr 02:00:00:00:00:02 dev u1")
    with bring_up(config()) as runtime:
        forwarder = Forwarder(runtime)
        [(port, tap)] = runtime.taps.items()
        told: list[Outcome] = []

        def see_two(outcome: Outcome) -> None:
            told.append(outcome)
            if len(told) == 2:
                forwarder.tracer = None

        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as container:
            container.bind(("vx0", 0))
            for number in range(4):
                container.send(b"\xff" * 6 + b"\x02\0\0\0\0\x07\x88\xb5" + bytes([number] * 50))
        forwarder.tracer = see_two
        overlay = runtime.vtep.overlays[100]
        while overlay.traffic.tx_frames < 4:
            assert select.select([tap.fileno()], [], [], 5)[0]
            forwarder._from_tap(port, tap)
        mine = [one for one in told if one.frames[0][1][6:12] == b"\x02\0\0\0\0\x07"]
        assert [one.decision for one in mine] == ["broadcast"] * len(mine)
        assert all(one.datagrams[0].port in runtime.underlay.ports for one in mine)
        assert len(told) == 2
        assert forwarder.encap.frames >= 4
        assert sum(forwarder.encap.sizes[1:]) >= 1


@in_private_namespaces
def test_a_witness_is_told_of_merged_datagrams_by_overlay() -> None:
    host()
    overlays = tuple(
        OverlayConfig(vni, tap=f"vx{vni}", peers=(PEER,), mtu=MIN_MTU) for vni in (7, 100)
    )
    with bring_up(Config(UnderlayConfig(), overlays)) as runtime:
        forwarder = Forwarder(runtime)
        frame = b"\xff" * 6 + b"\x02\0\0\0\0\x07\x88\xb5" + bytes(50)
        octets = b"".join(vxlan.pack(vni) + frame for vni in (7, 100, 100))
        messages = [(octets, PEER, len(octets) // 3)]

        def receive(view: memoryview) -> tuple[int, str, int] | None:
            if not messages:
                return None
            octets, sender, size = messages.pop()
            view[: len(octets)] = octets
            return len(octets), sender, size

        runtime.underlay.receive = receive  # type: ignore[method-assign,assignment]
        told: list[Outcome] = []
        forwarder.tracer = told.append
        forwarder._from_underlay()
    seen = [(one.tap, one.vni, len(one.frames)) for one in told]
    assert seen == [("vx7", 7, 1), ("vx100", 100, 2)]
    assert [overlay.traffic.rx_frames for overlay in runtime.vtep.overlays.values()] == [1, 2]
