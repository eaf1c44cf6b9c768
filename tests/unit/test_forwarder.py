"""The Forwarder between real devices."""

import errno
import select
import socket
from typing import Any

from tests.unit.namespaces import in_private_namespaces, sh
from tests.unit.one_host import PEER, config, host
from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.config.underlay import MIN_MTU
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Runtime, bring_up
from vtep.dataplane.counters import Drop
from vtep.trace.outcome import Outcome
from vtep.wire import vxlan

GENEROUS_S = 60
FRAME = b"\xff" * 6 + b"\x02\0\0\0\0\x07\x88\xb5" + bytes(50)


def from_peer(runtime: Runtime, datagrams: list[bytes]) -> None:
    """Have the peer send datagrams to the underlay socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((PEER, 4789))
        for datagram in datagrams:
            peer.sendto(datagram, (runtime.local, 4789))


def poll(forwarder: Forwarder, fd: int) -> None:
    assert select.select([fd], [], [], GENEROUS_S)[0], "nothing arrived"
    forwarder.poll(fd)


def local_peer() -> None:
    """A host whose peer is an address of its own, on another device."""
    host()
    sh(f"ip address add {PEER}/32 dev lo")


@in_private_namespaces
def test_frames_that_a_full_tap_refuses_are_dropped_and_counted() -> None:
    host()
    with bring_up(config(PEER)) as runtime:
        [tap] = runtime.taps.values()
        overlay = runtime.vtep.overlays[100]
        written = []

        def full(parts: Any) -> int:
            written.append(parts)
            return errno.EAGAIN

        tap.write = full  # type: ignore[method-assign]  # tun(4) queues: it is full for no test
        forwarder = Forwarder(runtime)
        messages = [(vxlan.pack(100) + FRAME, PEER, 0)] * 3
        _receive(runtime, messages)
        forwarder.poll(runtime.underlay.fileno())
        while len(written) < 3:
            forwarder.poll(runtime.underlay.fileno())
        assert overlay.drops == {Drop.TAP_FULL: 3}


def _receive(runtime: Runtime, messages: list[tuple[bytes, str, int]]) -> None:
    """Let the socket receive *messages*, as no sender in this namespace can send them."""
    left = list(messages)

    def receive(buffers: Any) -> tuple[int, str, int] | None:
        if not left:
            return None
        octets, sender, size = left.pop(0)
        rest = octets
        for buffer in buffers:
            part, rest = rest[: len(buffer)], rest[len(buffer) :]
            buffer[: len(part)] = part
        return len(octets), sender, size

    runtime.underlay.receive = receive  # type: ignore[method-assign]


@in_private_namespaces
def test_a_tracer_gets_each_frame_while_it_is_set() -> None:
    host()
    sh(f"ip neighbor add {PEER} lladdr 02:00:00:00:00:02 dev u1")
    with bring_up(config()) as runtime:
        forwarder = Forwarder(runtime)
        [tap] = runtime.taps.values()
        outcomes: list[Outcome] = []

        def see_two(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if len(outcomes) == 2:
                forwarder.tracer = None

        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as container:
            container.bind(("vx0", 0))
            for number in range(4):
                container.send(FRAME[:14] + bytes([number] * 50))
        forwarder.tracer = see_two
        overlay = runtime.vtep.overlays[100]
        while overlay.traffic.tx_frames < 4:
            poll(forwarder, tap.fileno())
        mine = [one for one in outcomes if one.frames[0][1][6:12] == b"\x02\0\0\0\0\x07"]
        assert [one.decision for one in mine] == ["broadcast"] * len(mine)
        assert all(one.datagrams[0].port in runtime.underlay.ports for one in mine)
        assert len(outcomes) == 2
        assert forwarder.encap_stats.frames >= 4
        assert sum(forwarder.encap_stats.sizes[1:]) >= 1


@in_private_namespaces
def test_a_tracer_gets_merged_datagrams_by_overlay() -> None:
    host()
    overlays = tuple(
        OverlayConfig(vni, tap=f"vx{vni}", peers=(PEER,), mtu=MIN_MTU) for vni in (7, 100)
    )
    with bring_up(Config(UnderlayConfig(), overlays)) as runtime:
        forwarder = Forwarder(runtime)
        octets = b"".join(vxlan.pack(vni) + FRAME for vni in (7, 100, 100))
        _receive(runtime, [(octets, PEER, len(octets) // 3)])
        outcomes: list[Outcome] = []
        forwarder.tracer = outcomes.append
        forwarder.poll(runtime.underlay.fileno())
        traffic = [overlay.traffic.rx_frames for overlay in runtime.vtep.overlays.values()]
    seen = [(one.tap, one.vni, len(one.frames)) for one in outcomes]
    assert seen == [("vx7", 7, 1), ("vx100", 100, 2)]
    assert traffic == [1, 2]


@in_private_namespaces
def test_frames_of_all_lengths_go_through_small_and_large_slots_unchanged() -> None:
    host()
    sh("ip link set vx0 mtu 9000", "ip link set u1 mtu 9100") if False else None
    with bring_up(config(PEER)) as runtime:
        forwarder = Forwarder(runtime)
        fd = runtime.underlay.fileno()
        lengths = [60, 1400, 2016, 2017, 2018, 5000, 60, 9000, 700]
        frames = [
            FRAME[:14] + bytes([number]) * (length - 14) for number, length in enumerate(lengths)
        ]
        written: list[bytes] = []
        [tap] = runtime.taps.values()

        def write(parts: Any) -> int:
            written.append(b"".join(parts)[10:])
            return 0

        tap.write = write  # type: ignore[method-assign]  # longer frames than the bridge's MTU
        forwarder = Forwarder(runtime)
        _receive(runtime, [(vxlan.pack(100) + one, PEER, 0) for one in frames])
        while len(written) < len(frames):
            forwarder.poll(fd)
        assert written == frames
