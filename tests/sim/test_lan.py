"""Simulate a LAN of several Vteps in memory, with its own clock.

Each host is a Vtep with one TAP. `Lan.send` puts a frame on a host's TAP, carries every datagram to
its destination, and returns the frames that reached a TAP, by host.
"""

from collections import defaultdict

from tests.frames import BROADCAST, MAC_A, MAC_B, MAC_C, frame, mac
from tests.memory import (
    datagrams,
    decapsulate,
    delivered,
    encapsulate,
    joined,
    receive_raw,
    send,
    worker_of,
)
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.worker import Worker
from vtep.wire import virtio

VNI = 100


class Lan:
    """Vteps on hosts 1..n at 10.0.1.n, each a peer of all others."""

    def __init__(self, hosts: int, ageing: float = 300.0) -> None:
        self.now = 0.0
        addresses = [f"10.0.1.{number}" for number in range(1, hosts + 1)]
        self.workers: dict[str, Worker] = {}
        self.ports: dict[str, AccessPort] = {}
        for number, ip in enumerate(addresses):
            port = AccessPort("vx0", bytes([2, 255, 0, 0, 0, number]))
            peers = [(other, (other, 4789)) for other in addresses if other != ip]
            overlay = Overlay(vni=VNI, port=port, peers=peers, mtu=1450, ageing=ageing)
            self.ports[ip] = port
            self.workers[ip] = worker_of([overlay], [ip])
        self.datagrams = 0
        self.down: set[str] = set()

    def send(self, ip: str, src: str, dst: str) -> dict[str, list[bytes]]:
        arrived: dict[str, list[bytes]] = defaultdict(list)
        data = frame(src=src, dst=dst)
        for transmit in send(self.workers[ip], self.ports[ip], data, now=self.now):
            for peer in transmit.next_hop.peers:
                self.datagrams += 1
                if peer.ip in self.down:
                    continue
                deliveries = receive_raw(self.workers[peer.ip], joined(transmit), ip, now=self.now)
                arrived[peer.ip] += delivered(deliveries)
        return {ip: frames for ip, frames in arrived.items() if frames}

    def restart(self, ip: str) -> None:
        old = self.workers[ip].vtep.overlays[VNI]
        port = AccessPort("vx0", old.port.mac)
        peers = [(peer.ip, peer.address) for peer in old.flood]
        overlay = Overlay(vni=VNI, port=port, peers=peers, mtu=1450, ageing=old.fdb.ageing)
        self.ports[ip], self.workers[ip] = port, worker_of([overlay], [ip])


H1, H2, H3 = "10.0.1.1", "10.0.1.2", "10.0.1.3"


def test_the_first_frame_reaches_all_and_the_reply_only_its_sender() -> None:
    lan = Lan(3)
    assert lan.send(H1, MAC_A, BROADCAST) == {
        H2: [frame(dst=BROADCAST)],
        H3: [frame(dst=BROADCAST)],
    }
    assert set(lan.send(H2, MAC_B, MAC_A)) == {H1}
    assert set(lan.send(H1, MAC_A, MAC_B)) == {H2}
    assert lan.datagrams == 4


def test_frames_from_the_underlay_are_not_sent_back_to_it() -> None:
    lan = Lan(3)
    lan.send(H1, MAC_A, BROADCAST)
    assert lan.datagrams == 2


def test_the_first_frame_of_a_moved_container_moves_its_entry() -> None:
    lan = Lan(3)
    lan.send(H2, MAC_B, BROADCAST)
    assert set(lan.send(H1, MAC_A, MAC_B)) == {H2}
    lan.send(H3, MAC_B, BROADCAST)
    assert set(lan.send(H1, MAC_A, MAC_B)) == {H3}
    assert set(lan.send(H2, MAC_C, MAC_B)) == {H3}


def test_frames_to_a_silent_container_are_flooded_after_the_ageing_time() -> None:
    lan = Lan(3, ageing=30.0)
    lan.send(H2, MAC_B, BROADCAST)
    for second in range(30):
        lan.now = float(second)
        assert set(lan.send(H1, MAC_A, MAC_B)) == {H2}
    lan.now = 30.0
    assert set(lan.send(H1, MAC_A, MAC_B)) == {H2, H3}


def test_a_restarted_vtep_reaches_the_others_immediately() -> None:
    lan = Lan(2)
    lan.send(H1, MAC_A, BROADCAST)
    lan.send(H2, MAC_B, MAC_A)
    lan.down.add(H2)
    assert lan.send(H1, MAC_A, MAC_B) == {}
    lan.down.clear()
    lan.restart(H2)
    assert set(lan.send(H1, MAC_A, MAC_B)) == {H2}
    assert set(lan.send(H2, MAC_B, MAC_A)) == {H1}
    assert lan.workers[H2].vtep.overlays[VNI].flooded.total() == 0


def test_a_batch_keeps_its_order() -> None:
    lan = Lan(2)
    frames = [frame() + bytes([number]) for number in range(32)]
    batch = [(data, virtio.PLAIN) for data in frames]
    transmits = encapsulate(lan.workers[H1], lan.ports[H1], batch, 0.0)
    arrived = [(datagram, H1, 0) for datagram in datagrams(transmits)]
    assert delivered(decapsulate(lan.workers[H2], arrived, 0.0)) == frames


def test_the_lan_uses_distinct_macs() -> None:
    taps = {port.mac for port in Lan(3).ports.values()}
    assert len(taps) == 3
    assert not taps & {mac(MAC_A), mac(MAC_B), mac(MAC_C)}
