"""Out by injecting, and in at once: the short ways say what the long ones say."""

from typing import Any

import pytest

from tests.frames import IP, MAC_B, TCP, UDP, IPv6, frame, mac
from tests.memory import (
    PEER_1,
    PEER_2,
    datagrams,
    encapsulate,
    joined,
    make,
    pseudo_sum,
    receive,
    send,
    sent_to,
)
from vtep.dataplane.encap_queue import Route
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.peer import Peer
from vtep.dataplane.vtep import Vtep
from vtep.offload.inject import Envelopes, Whole
from vtep.wire import ip, virtio, vxlan
from vtep.wire.outer import Outer
from vtep.wire.slot import FRAME_AT, TAP_AT, UDP_AT

WAY = Outer(b"\x02" * 6, bytes([10, 0, 1, 4]), bytes([10, 0, 1, 41]), 0, 4789, 64)
V4, V6 = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF"), IPv6(src="fd00::1", dst="fd00::2")
SUPER4 = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1400, 34, 16)
SUPER6 = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV6, 74, 1376, 54, 16)


def bulk(octets: int = 5000, network: Any = V4, seq: int = 1, flags: str = "A") -> bytes:
    """A TCP super-frame as a TAP hands it over, its checksum begun."""
    made = bytearray(
        frame(inner=network / TCP(sport=5201, dport=7, seq=seq, flags=flags) / bytes(octets))
    )
    found = ip.locate(made)
    assert found is not None
    begun = ip.pseudo_header_sum(made, found, found.end - found.l4)
    made[found.l4 + 16 : found.l4 + 18] = begun.to_bytes(2, "big")
    return bytes(made)


def injecting(peers: int = 1, **options: Any) -> tuple[Vtep, AccessPort, list[Peer]]:
    """A Vtep whose first *peers* of two have envelopes; MAC_B is behind the first."""
    vtep, port, overlay = make(**options)
    receive(vtep, frame(src=MAC_B), PEER_1)
    found = list(overlay.peers.values())
    for peer in found[:peers]:
        peer.envelopes = Envelopes(WAY, [50_000])
    return vtep, port, found


def at_once(
    vtep: Vtep, port: AccessPort, data: bytes, header: virtio.VirtioHeader, now: float
) -> tuple[tuple[Whole, Route] | None, bytes]:
    """What `uncut` says of a super-frame, and how it stands in the slot afterwards."""
    slot = vtep.pool.large.views[0]
    end = FRAME_AT + len(data)
    slot[TAP_AT:end] = virtio.pack(header) + data
    return vtep.outbound.uncut(port, slot, end, now), bytes(slot[UDP_AT:end])


@pytest.mark.parametrize(("network", "header"), [(V4, SUPER4), (V6, SUPER6)], ids=["IPv4", "IPv6"])
def test_a_super_frame_to_a_peer_with_envelopes_leaves_uncut(
    network: Any, header: virtio.VirtioHeader
) -> None:
    vtep, port, (peer, _) = injecting()
    [transmit] = send(vtep, port, bulk(network=network), header)
    assert joined(transmit) == vxlan.pack(100) + bulk(network=network)
    assert transmit.whole is not None
    assert transmit.datagrams == 4
    assert sent_to([transmit]) == [[PEER_1]]
    tx = peer.traffic.as_dict()
    assert (tx["tx_frames"], tx["tx_bytes"]) == (4, transmit.octets - 4 * 8)


def test_what_it_counts_is_what_cutting_would_have_sent() -> None:
    vtep, port, (peer, _) = injecting()
    cut, cut_port, (other, _) = injecting(peers=0)
    send(vtep, port, bulk(6100), SUPER4)
    assert len(datagrams(send(cut, cut_port, bulk(6100), SUPER4))) == 5
    assert peer.traffic.as_dict() == other.traffic.as_dict()


@pytest.mark.parametrize(("network", "header"), [(V4, SUPER4), (V6, SUPER6)], ids=["IPv4", "IPv6"])
def test_the_like_of_one_that_was_injected_takes_the_short_way(
    network: Any, header: virtio.VirtioHeader
) -> None:
    vtep, port, (peer, _) = injecting()
    first, second = bulk(network=network), bulk(network=network, seq=5001)
    assert at_once(vtep, port, first, header, 1.0)[0] is None
    [transmit] = send(vtep, port, first, header, now=1.0)
    found, octets = at_once(vtep, port, second, header, 2.0)
    assert found is not None
    whole, route = found
    assert whole is transmit.whole
    assert octets == vxlan.pack(100) + second
    assert [one.ip for one in route.peers] == [PEER_1]
    assert peer.traffic.as_dict()["tx_frames"] == 8


@pytest.mark.parametrize(
    "other",
    [
        (bulk(4999), SUPER4),
        (bulk(flags="PA"), SUPER4),
        (bulk(), SUPER4._replace(gso_size=1000)),
        (bulk(network=IP(src="172.18.0.13", dst="172.18.0.12", flags="DF")), SUPER4),
        (bulk(network=IP(src="172.18.0.11", dst="172.18.0.12")), SUPER4),
    ],
    ids=["length", "flags", "segment size", "address", "fragments"],
)
def test_one_that_differs_does_not(other: tuple[bytes, virtio.VirtioHeader]) -> None:
    vtep, port, _ = injecting()
    send(vtep, port, bulk(), SUPER4)
    assert at_once(vtep, port, bulk(), SUPER4, 1.0)[0] is not None
    found, octets = at_once(vtep, port, *other, 2.0)
    assert found is None
    assert octets == virtio.pack(other[1])[2:] + other[0]


def test_where_it_goes_is_asked_in_every_batch() -> None:
    vtep, port, (first, second) = injecting(peers=2)
    send(vtep, port, bulk(), SUPER4)
    receive(vtep, frame(src=MAC_B), PEER_2, now=1.0)
    found, _ = at_once(vtep, port, bulk(), SUPER4, 2.0)
    assert found is not None
    assert found[1].peers == (second,)
    second.envelopes = None
    assert at_once(vtep, port, bulk(), SUPER4, 3.0)[0] is None
    assert len(datagrams(send(vtep, port, bulk(), SUPER4, now=3.0))) == 4
    receive(vtep, frame(src=MAC_B), PEER_1, now=4.0)
    [transmit] = send(vtep, port, bulk(), SUPER4, now=5.0)
    assert transmit.whole is not None
    assert transmit.peers == (first,)


def test_it_is_forgotten_with_the_mac_it_goes_to() -> None:
    vtep, port, _ = injecting(ageing=10.0)
    send(vtep, port, bulk(), SUPER4)
    assert at_once(vtep, port, bulk(), SUPER4, 9.0)[0] is not None
    assert at_once(vtep, port, bulk(), SUPER4, 10.0)[0] is None


@pytest.mark.parametrize(("peers", "uncut"), [(1, False), (2, True)])
def test_a_flooded_one_is_cut_unless_all_peers_have_envelopes(peers: int, uncut: bool) -> None:
    vtep, port, found = injecting(peers=peers)
    data = mac("02:00:00:00:00:77") + bulk()[6:]
    transmits = send(vtep, port, data, SUPER4)
    assert {one.whole is not None for one in transmits} == {uncut}
    assert all(one.peers == tuple(found) for one in transmits)


def test_what_is_too_long_for_one_packet_is_cut() -> None:
    vtep, port, _ = injecting()
    longest = 65507 - 8 - 54
    [transmit] = send(vtep, port, bulk(longest), SUPER4)
    assert transmit.whole is not None
    transmits = send(vtep, port, bulk(longest + 1), SUPER4)
    assert all(one.whole is None for one in transmits)
    assert len(datagrams(transmits)) == -(-(longest + 1) // 1396)


def test_inner_udp_leaves_uncut_too() -> None:
    vtep, port, _ = injecting()
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_UDP_L4, 42, 1200, 34, 6)
    data = bytearray(frame(inner=V4 / UDP(sport=1, dport=2) / bytes(5000)))
    data[40:42] = pseudo_sum(data, ip.UDP).to_bytes(2, "big")
    [transmit] = send(vtep, port, bytes(data), header)
    assert transmit.whole is not None
    assert transmit.datagrams == 5


def test_small_frames_that_wait_leave_before_it() -> None:
    vtep, port, _ = injecting()
    ack = frame(inner=V4 / TCP(sport=5201, dport=7, flags="A"))
    batch = [(ack, virtio.PLAIN), (ack, virtio.PLAIN), (bulk(), SUPER4), (ack, virtio.PLAIN)]
    transmits = encapsulate(vtep, port, batch, 0.0)
    assert [(one.datagrams, one.whole is not None) for one in transmits] == [
        (2, False),
        (4, True),
        (1, False),
    ]


# -- in at once


def arriving(vtep: Vtep, data: bytes, sender: str = PEER_1) -> bytes | None:
    """What `at_once` delivers of a datagram that came alone."""
    slot = vtep.pool.large.views[0]
    end = FRAME_AT + len(data)
    slot[UDP_AT:end] = vxlan.pack(100) + data
    delivery = vtep.inbound.at_once(slot, end, sender, 0.0)
    return None if delivery is None else b"".join(delivery.parts)


def seen(network: Any, octets: int, *, begun: bool, flags: str = "A") -> bytes:
    if begun:
        return bulk(octets, network, flags=flags)
    return frame(inner=network / TCP(sport=5201, dport=7, flags=flags) / bytes(octets))


@pytest.mark.parametrize("network", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(("octets", "begun"), [(0, True), (0, False), (5000, True), (62000, True)])
def test_what_comes_at_once_is_what_comes_the_long_way(
    network: Any, octets: int, begun: bool
) -> None:
    data = seen(network, octets, begun=begun)
    vtep, _, overlay = make()
    assert arriving(vtep, data) is None  # of no flow that is known
    [delivery] = receive(vtep, data)
    for number in (2, 3):
        assert arriving(vtep, data) == bytes(delivery.parts[0])
        assert overlay.traffic.rx_frames == number
    assert arriving(vtep, data, sender="192.0.2.1") is None
    assert overlay.traffic.rx_bytes == 3 * len(data)


@pytest.mark.parametrize(
    ("octets", "begun", "flags"),
    [(1000, False, "A"), (1000, True, "A"), (5000, False, "A"), (0, False, "S"), (0, True, "S")],
    ids=["a segment", "unfinished", "finished and long", "SYN", "unfinished SYN"],
)
def test_what_may_be_joined_or_must_be_changed_takes_the_long_way(
    octets: int, begun: bool, flags: str
) -> None:
    data = seen(V4, octets, begun=begun, flags=flags)
    vtep, _, overlay = make()
    assert len(receive(vtep, data)) == 1
    assert arriving(vtep, data) is None
    assert arriving(vtep, data) is None
    assert overlay.traffic.rx_frames == 1


def test_a_finished_one_is_not_taken_for_its_unfinished_like() -> None:
    vtep, _, _ = make()
    unfinished, finished = seen(V4, 0, begun=True), seen(V4, 0, begun=False)
    receive(vtep, unfinished)
    for _ in range(2):
        made = arriving(vtep, unfinished), arriving(vtep, finished)
        assert made == (
            virtio.pack(virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 16)) + unfinished,
            bytes(10) + finished,
        )


def test_a_peer_that_is_none_any_more_brings_nothing_at_once() -> None:
    vtep, _, overlay = make()
    data = seen(V4, 5000, begun=True)
    receive(vtep, data)
    assert arriving(vtep, data) is not None
    del overlay.peers[PEER_1]
    assert arriving(vtep, data) is None


def test_where_a_tag_is_put_on_the_long_way_is_taken() -> None:
    vtep, _, _ = make(vlan=10)
    data = seen(V4, 5000, begun=True)
    assert len(receive(vtep, data)) == 1
    assert arriving(vtep, data) is None


@pytest.mark.parametrize("length", range(8, 140))
def test_what_is_cut_short_is_left_to_the_long_way(length: int) -> None:
    vtep, _, _ = make()
    data = seen(V4, 0, begun=False)
    receive(vtep, data)
    if length < len(data):
        assert arriving(vtep, data[:length]) is None
