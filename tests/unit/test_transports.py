"""The two transports: what they send, what they count, and what happens when the kernel refuses."""

import errno
import logging
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from tests.frames import IP, MAC_B, TCP, frame
from tests.memory import PEER_1, PEERS, make, receive, send
from tests.unit.namespaces import in_private_namespaces, sh
from tests.unit.one_host import PEER, config, host
from tests.unit.test_encap_gso import GSO4, bulk
from tests.unit.test_underlay import SO_NO_CHECK
from vtep.daemon.inject_transport import InjectTransport
from vtep.daemon.setup import bring_up
from vtep.daemon.socket_transport import SocketTransport
from vtep.dataplane.counters import Drop
from vtep.dataplane.peer import MAX_SEGMENTS, NextHop, Transmit
from vtep.offload.inject import OuterTemplate
from vtep.wire import virtio, vxlan
from vtep.wire.outer import Outer

PATH = Outer(b"\x02" * 6, bytes([10, 0, 1, 4]), bytes([10, 0, 1, 41]), 0, 4789, 64)


class LogLines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []
        logger = logging.getLogger("vtep")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.__dict__["fields"])


@in_private_namespaces
def test_a_kernel_that_cannot_segment_is_reported_and_avoided() -> None:
    host()
    sh(f"ip neighbor add {PEER} lladdr 02:00:00:00:00:02 dev u1")
    log = LogLines()
    with bring_up(config()) as runtime:
        for sock in runtime.underlay.sending:
            sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)  # not together with UDP_SEGMENT
        overlay = runtime.vtep.overlays[100]
        [peer] = overlay.flood
        before = runtime.vtep.generation.number
        assert peer.transport.max_segments == runtime.underlay.segments > 1
        transmit = Transmit(NextHop(overlay, peer.alone, 0), (memoryview(bytes(300)),), 100, 300)
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire:
            wire.bind(("u1p", 0x0800))
            wire.settimeout(60)
            for _ in range(2):
                peer.transport.send(transmit, peer)
            assert [len(wire.recv(2000)) for _ in range(6)] == [128] * 6
        assert peer.transport.max_segments == 1
        assert runtime.vtep.generation.number > before
        assert overlay.drops == {}
    assert [fields for fields in log.seen if "udp_segment" in fields] == [{"udp_segment": 1}]


@in_private_namespaces
def test_datagrams_that_a_full_socket_refuses_are_dropped_and_counted() -> None:
    host()
    with bring_up(config()) as runtime:
        for sock in runtime.underlay.sending:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
        overlay = runtime.vtep.overlays[100]
        [peer] = overlay.flood
        part = memoryview(bytes(1000))
        transmit = Transmit(NextHop(overlay, peer.alone, 0), (part,), 0, len(part))
        # Nobody answers for the peer's address: datagrams wait, and count as the socket's.
        for _ in range(32):
            peer.transport.send(transmit, peer)
        assert overlay.drops.keys() == {Drop.SOCKET_FULL}
        assert 20 < overlay.drops[Drop.SOCKET_FULL] < 32


class Writer:
    """An uplink whose device answers with *error*."""

    def __init__(self, error: int) -> None:
        self.error = error
        self.packets: list[bytes] = []
        self.gone = 0

    def write(self, parts: Sequence[Any]) -> int:
        self.packets.append(b"".join(parts))
        return self.error

    def on_gone(self) -> None:
        self.gone += 1


def injecting(error: int) -> tuple[Any, Any, Any, Writer]:
    worker, port, overlay = make(peers=PEERS[:1])
    receive(worker, frame(src=MAC_B), PEER_1)
    writer = Writer(error)
    worker.vtep.use_transport(InjectTransport(writer, PATH, [50_000], MAX_SEGMENTS))
    return worker, port, overlay, writer


def test_a_gso_frame_and_datagrams_are_injected_behind_their_prefix() -> None:
    worker, port, overlay, writer = injecting(0)
    [peer] = overlay.flood
    for data, header in ((bulk(), GSO4), (frame(), virtio.PLAIN)):
        [transmit] = send(worker, port, data, header)
        peer.transport.send(transmit, peer)
    template = OuterTemplate(PATH._replace(source_port=50_000))
    gso, datagram = writer.packets
    assert gso.endswith(vxlan.pack(100) + bulk())
    assert datagram == template.datagrams(8 + len(frame())) + vxlan.pack(100) + frame()
    assert overlay.drops == {}


@pytest.mark.parametrize(
    ("error", "reason", "gone"),
    [
        (errno.EAGAIN, Drop.INJECT_FULL, 0),
        (errno.EINVAL, Drop.INJECT_REFUSED, 0),
        (errno.EIO, Drop.INJECT_REFUSED, 1),
        (errno.EBADFD, Drop.INJECT_REFUSED, 1),
    ],
)
def test_packets_that_the_device_refuses_are_counted(error: int, reason: Drop, gone: int) -> None:
    worker, port, overlay, writer = injecting(error)
    [peer] = overlay.flood
    [transmit] = send(worker, port, bulk(), GSO4)
    peer.transport.send(transmit, peer)
    assert overlay.drops == {reason: 4}
    assert overlay.traffic.tx_frames == 0
    assert writer.gone == gone


def test_a_gso_frame_is_never_sent_unfinished_by_the_socket() -> None:
    worker, port, overlay, _ = injecting(0)
    [peer] = overlay.flood
    [transmit] = send(worker, port, bulk(), GSO4)

    class Sockets:
        segments = 64

        def send(self, *_: Any) -> int:
            raise AssertionError("it was sent")

    sockets: Any = Sockets()
    SocketTransport(sockets, worker.vtep.invalidate).send(transmit, peer)
    assert overlay.drops == {Drop.INJECT_REFUSED: 4}


def test_a_peer_without_a_transport_counts_its_datagrams() -> None:
    worker, port, overlay = make(peers=PEERS[:1])
    [peer] = overlay.flood
    [transmit] = send(worker, port, frame(inner=IP(dst="172.18.0.12") / TCP()))
    peer.transport.send(transmit, peer)
    assert overlay.drops == {Drop.NO_ROUTE: 1}
    assert overlay.traffic.tx_frames == 0
