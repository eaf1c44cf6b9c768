"""GSO frames for a transport that takes them, one by one and in a batch."""

from typing import Any

import pytest

from tests.frames import IP, MAC_B, TCP, UDP, IPv6, frame, mac
from tests.memory import (
    PEER_1,
    PEER_2,
    Transport,
    datagrams,
    encapsulate,
    joined,
    make,
    pseudo_sum,
    receive,
    send,
    sent_to,
)
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.peer import Peer, Transmit
from vtep.dataplane.worker import Worker
from vtep.wire import ip, virtio, vxlan
from vtep.wire.slot import FRAME_AT, TAP_AT, UDP_AT

V4, V6 = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF"), IPv6(src="fd00::1", dst="fd00::2")
GSO4 = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1400, 34, 16)
GSO6 = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV6, 74, 1376, 54, 16)
BOTH = pytest.mark.parametrize(
    ("network", "header"), [(V4, GSO4), (V6, GSO6)], ids=["IPv4", "IPv6"]
)


def bulk(octets: int = 5000, network: Any = V4, seq: int = 1, flags: str = "A") -> bytes:
    """A TCP GSO frame as a TAP hands it over, with a partial checksum."""
    made = bytearray(
        frame(inner=network / TCP(sport=5201, dport=7, seq=seq, flags=flags) / bytes(octets))
    )
    found = ip.locate(made)
    assert found is not None
    total = ip.pseudo_header_sum(made, found, found.end - found.l4)
    made[found.l4 + 16 : found.l4 + 18] = total.to_bytes(2, "big")
    return bytes(made)


def injecting(peers: int = 1, **options: Any) -> tuple[Worker, AccessPort, list[Peer]]:
    """A Worker whose first *peers* of two take GSO frames; MAC_B is behind the first."""
    worker, port, overlay = make(**options)
    receive(worker, frame(src=MAC_B), PEER_1)
    found = list(overlay.peers.values())
    for peer in found[:peers]:
        peer.transport = Transport(takes_gso=True)
    worker.vtep.invalidate()
    return worker, port, found


def alone(
    worker: Worker, port: AccessPort, data: bytes, header: virtio.VirtioHeader, now: float
) -> tuple[Transmit | None, bytes]:
    """Encapsulate a GSO frame without a batch; return the octets of its slot, too."""
    slot = worker.pool.large.views[0]
    end = FRAME_AT + len(data)
    slot[TAP_AT:end] = virtio.pack(header) + data
    worker.begin_batch(now)
    return worker.encap.encapsulate_gso(port, slot, end), bytes(slot[UDP_AT:end])


@BOTH
def test_a_gso_frame_leaves_as_it_was_read(network: Any, header: virtio.VirtioHeader) -> None:
    worker, port, (peer, _) = injecting()
    [transmit] = send(worker, port, bulk(network=network), header)
    assert joined(transmit) == vxlan.pack(100) + bulk(network=network)
    assert transmit.gso is not None
    assert transmit.datagrams == 4
    assert sent_to([transmit]) == [[PEER_1]]
    tx = peer.traffic.as_dict()
    assert (tx["tx_frames"], tx["tx_bytes"]) == (4, transmit.octets - 4 * 8)


def test_its_counters_are_those_of_its_segments() -> None:
    worker, port, (peer, _) = injecting()
    segmented, segmented_port, (other, _) = injecting(peers=0)
    send(worker, port, bulk(6100), GSO4)
    assert len(datagrams(send(segmented, segmented_port, bulk(6100), GSO4))) == 5
    assert peer.traffic.as_dict() == other.traffic.as_dict()


@BOTH
def test_a_later_one_of_the_flow_needs_no_batch_whatever_its_length(
    network: Any, header: virtio.VirtioHeader
) -> None:
    worker, port, (peer, _) = injecting()
    first, second = bulk(network=network), bulk(4100, network=network, seq=5001)
    assert alone(worker, port, first, header, 1.0)[0] is None
    send(worker, port, first, header, now=1.0)
    found, octets = alone(worker, port, second, header, 1.5)
    assert found is not None
    assert octets == vxlan.pack(100) + second
    assert [one.ip for one in found.next_hop.peers] == [PEER_1]
    assert peer.traffic.as_dict()["tx_frames"] == 4 + 3


@pytest.mark.parametrize(
    "other",
    [
        (bulk(flags="PA"), GSO4),
        (bulk(), GSO4._replace(gso_size=1000)),
        (bulk(network=IP(src="172.18.0.13", dst="172.18.0.12", flags="DF")), GSO4),
        (bulk(network=IP(src="172.18.0.11", dst="172.18.0.12")), GSO4),
        (bulk() + b"padding", GSO4),
    ],
    ids=["flags", "segment size", "address", "fragments", "length field"],
)
def test_a_frame_that_differs_goes_through_the_batch(
    other: tuple[bytes, virtio.VirtioHeader],
) -> None:
    worker, port, _ = injecting()
    send(worker, port, bulk(), GSO4)
    assert alone(worker, port, bulk(), GSO4, 0.5)[0] is not None
    found, octets = alone(worker, port, *other, 0.6)
    assert found is None
    assert octets == virtio.pack(other[1])[2:] + other[0]


def test_a_change_of_peers_or_transports_takes_effect_in_the_next_batch() -> None:
    worker, port, (first, second) = injecting(peers=2)
    send(worker, port, bulk(), GSO4)
    receive(worker, frame(src=MAC_B), PEER_2, now=0.1)
    assert alone(worker, port, bulk(), GSO4, 0.2)[0] is None
    [transmit] = send(worker, port, bulk(), GSO4, now=0.2)
    assert transmit.next_hop.peers == (second,)
    second.transport = Transport()
    worker.vtep.invalidate()
    assert alone(worker, port, bulk(), GSO4, 0.3)[0] is None
    assert len(datagrams(send(worker, port, bulk(), GSO4, now=0.3))) == 4
    receive(worker, frame(src=MAC_B), PEER_1, now=0.4)
    [transmit] = send(worker, port, bulk(), GSO4, now=0.5)
    assert transmit.gso is not None
    assert transmit.next_hop.peers == (first,)


def test_the_entry_dies_with_the_mac_it_points_to() -> None:
    worker, port, _ = injecting(ageing=10.0)
    send(worker, port, bulk(), GSO4, now=9.0)
    assert alone(worker, port, bulk(), GSO4, 9.9)[0] is not None
    assert alone(worker, port, bulk(), GSO4, 10.0)[0] is None


@pytest.mark.parametrize(("peers", "is_unsegmented"), [(1, False), (2, True)])
def test_a_flooded_one_is_segmented_unless_all_transports_take_it(
    peers: int, is_unsegmented: bool
) -> None:
    worker, port, found = injecting(peers=peers)
    data = mac("02:00:00:00:00:77") + bulk()[6:]
    transmits = send(worker, port, data, GSO4)
    assert {one.gso is not None for one in transmits} == {is_unsegmented}
    assert all(one.next_hop.peers == tuple(found) for one in transmits)


def test_a_frame_too_long_for_one_packet_is_segmented() -> None:
    worker, port, _ = injecting()
    longest = 65507 - 8 - 54
    [transmit] = send(worker, port, bulk(longest), GSO4)
    assert transmit.gso is not None
    transmits = send(worker, port, bulk(longest + 1), GSO4)
    assert all(one.gso is None for one in transmits)
    assert len(datagrams(transmits)) == -(-(longest + 1) // 1396)


def test_inner_udp_leaves_unsegmented_too() -> None:
    worker, port, _ = injecting()
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_UDP_L4, 42, 1200, 34, 6)
    data = bytearray(frame(inner=V4 / UDP(sport=1, dport=2) / bytes(5000)))
    data[40:42] = pseudo_sum(data, ip.UDP).to_bytes(2, "big")
    [transmit] = send(worker, port, bytes(data), header)
    assert transmit.gso is not None
    assert transmit.datagrams == 5


def test_small_frames_that_wait_leave_before_it() -> None:
    worker, port, _ = injecting()
    ack = frame(inner=V4 / TCP(sport=5201, dport=7, flags="A"))
    batch = [(ack, virtio.PLAIN), (ack, virtio.PLAIN), (bulk(), GSO4), (ack, virtio.PLAIN)]
    transmits = encapsulate(worker, port, batch, 0.0)
    assert [(one.datagrams, one.gso is not None) for one in transmits] == [
        (2, False),
        (4, True),
        (1, False),
    ]
