"""From the TAP to the underlay: each decision on a frame, with its counter."""

from typing import Any

import pytest

from tests.frames import BROADCAST, IP, MAC_A, MAC_B, MAC_C, TCP, UDP, Ether, IPv6, frame, mac
from tests.memory import (
    PEER_1,
    PEER_2,
    datagrams,
    delivered,
    encapsulate,
    joined,
    make,
    pseudo_sum,
    receive,
    send,
    sent_to,
)
from vtep.dataplane.counters import Drop
from vtep.dataplane.fdb import LOCAL
from vtep.dataplane.peer import count_unsent
from vtep.wire import virtio, vxlan


def test_a_frame_goes_out_unchanged_behind_the_vxlan_header() -> None:
    worker, port, _ = make()
    [transmit] = send(worker, port, frame())
    assert joined(transmit) == vxlan.pack(100) + frame()


def test_unknown_unicast_broadcast_and_multicast_are_flooded_to_every_peer() -> None:
    worker, port, overlay = make()
    for destination in (MAC_B, BROADCAST, "01:00:5e:00:00:01", "33:33:00:00:00:01"):
        assert sent_to(send(worker, port, frame(dst=destination))) == [[PEER_1, PEER_2]]
    assert overlay.flooded == {"unknown_unicast": 1, "broadcast": 1, "multicast": 2}
    assert overlay.traffic.tx_frames == 8
    assert overlay.peers[PEER_2].traffic.tx_frames == 4


def test_known_unicast_goes_to_the_one_peer_it_was_heard_from() -> None:
    worker, port, overlay = make()
    receive(worker, frame(src=MAC_B, dst=MAC_A), PEER_2)
    assert sent_to(send(worker, port, frame(dst=MAC_B))) == [[PEER_2]]
    assert overlay.flooded.total() == 0


def test_a_frame_for_a_mac_heard_on_the_tap_stays_on_our_side() -> None:
    worker, port, overlay = make()
    send(worker, port, frame(src=MAC_C, dst=BROADCAST))
    assert send(worker, port, frame(dst=MAC_C)) == []
    assert overlay.drops == {Drop.LOCAL_DESTINATION: 1}
    assert overlay.tx_dropped == 0, "every bridge filters such frames"


def test_a_mac_that_moves_to_our_side_and_back_is_followed_at_once() -> None:
    worker, port, overlay = make()
    receive(worker, frame(src=MAC_B), PEER_1)
    send(worker, port, frame(src=MAC_B, dst=BROADCAST), now=1.0)
    entry = overlay.fdb.lookup(mac(MAC_B), 1.0)
    assert entry is not None
    assert entry.destination is LOCAL
    receive(worker, frame(src=MAC_B), PEER_2, now=2.0)
    assert sent_to(send(worker, port, frame(dst=MAC_B), now=2.0)) == [[PEER_2]]


def test_sending_to_a_silent_mac_does_not_keep_it_in_the_table() -> None:
    worker, port, _ = make(ageing=10.0)
    receive(worker, frame(src=MAC_B), PEER_1)
    for now in range(10):
        assert sent_to(send(worker, port, frame(dst=MAC_B), now=float(now))) == [[PEER_1]]
    assert sent_to(send(worker, port, frame(dst=MAC_B), now=10.0)) == [[PEER_1, PEER_2]]


@pytest.mark.parametrize("length", range(14))
def test_a_runt_from_the_tap_is_dropped(length: int) -> None:
    worker, port, _ = make()
    assert send(worker, port, frame()[:length]) == []
    assert port.drops == {Drop.RUNT: 1}


@pytest.mark.parametrize("source", ["01:00:5e:00:00:01", BROADCAST, "00:00:00:00:00:00"])
def test_an_impossible_source_mac_is_dropped_both_ways_and_not_learned(source: str) -> None:
    worker, port, overlay = make()
    assert send(worker, port, frame(src=source)) == []
    assert receive(worker, frame(src=source)) == []
    assert overlay.drops == {Drop.INVALID_SOURCE: 2}
    assert (overlay.rx_dropped, overlay.tx_dropped) == (1, 1)
    assert len(overlay.fdb) == 0


def test_without_peers_there_is_nobody_to_flood_to() -> None:
    worker, port, overlay = make(peers=[], accept_any=True)
    assert send(worker, port, frame()) == []
    assert overlay.drops == {Drop.NO_PEER: 1}


@pytest.mark.parametrize(("length", "fits"), [(1464, True), (1465, False)])
def test_a_frame_above_the_mtu_is_dropped_and_counted(length: int, fits: bool) -> None:
    worker, port, overlay = make()
    assert len(send(worker, port, frame().ljust(length, b"\0"))) == fits
    assert overlay.drops == ({} if fits else {Drop.OVERSIZE: 1})


def test_a_partial_checksum_is_completed() -> None:
    worker, port, _ = make()
    whole = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / UDP(sport=1, dport=2) / b"hello")
    partial = bytearray(whole)
    partial[40:42] = pseudo_sum(partial, 17).to_bytes(2, "big")
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 6)
    [transmit] = send(worker, port, bytes(partial), header)
    assert joined(transmit)[8:] == whole


def test_a_gso_frame_is_sent_as_datagrams_that_fit() -> None:
    worker, port, overlay = make()
    payload = bytes(range(256)) * 20
    packet = IP(src="172.18.0.11", dst="172.18.0.12") / TCP(sport=1, dport=2, seq=7) / payload
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1400, 34, 16)
    transmits = send(worker, port, frame(inner=packet), header)
    segments = [Ether(datagram[8:]) for datagram in datagrams(transmits)]
    assert [len(s[TCP].payload) for s in segments] == [1400, 1400, 1400, 920]
    assert b"".join(bytes(s[TCP].payload) for s in segments) == payload
    assert overlay.peers[PEER_1].traffic.tx_frames == 4


def test_a_virtio_header_that_does_not_fit_its_frame_is_counted() -> None:
    worker, port, overlay = make()
    beyond = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 1000, 16)
    nonsense = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV6, 54, 1400, 34, 16)
    for header in (beyond, nonsense):
        assert send(worker, port, frame(), header) == []
    assert overlay.drops == {Drop.BAD_OFFLOAD: 2}


def test_a_udp_gso_frame_of_datagrams_above_the_mtu_is_oversize() -> None:
    worker, port, overlay = make()
    packet = IP(src="172.18.0.11", dst="172.18.0.12") / UDP(sport=1, dport=2) / bytes(4000)
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_UDP_L4, 42, 1472, 34, 6)
    assert send(worker, port, frame(inner=packet), header) == []
    assert overlay.drops == {Drop.OVERSIZE: 1}


@pytest.mark.parametrize(
    ("packet", "clamped"),
    [
        (IP(src="172.18.0.11", dst="172.18.0.12"), 1410),
        (IPv6(src="fd00::11", dst="fd00::12"), 1390),
    ],
)
def test_the_mss_of_a_syn_is_clamped_in_both_directions(packet: Any, clamped: int) -> None:
    worker, port, overlay = make()
    syn = frame(inner=packet / TCP(flags="S", options=[("MSS", 1460)]))
    [transmit] = send(worker, port, syn)
    [delivery] = receive(worker, syn)
    for data in (joined(transmit)[8:], *delivered([delivery])):
        tcp = Ether(data)[TCP]
        assert dict(tcp.options)["MSS"] == clamped
        shown = tcp.chksum
        del tcp.chksum
        assert Ether(bytes(Ether(data)))[TCP].chksum == shown
    assert overlay.clamped == 2


def test_clamping_can_be_turned_off() -> None:
    worker, port, overlay = make(clamp_mss=False)
    syn = frame(inner=IP() / TCP(flags="S", options=[("MSS", 1460)]))
    [transmit] = send(worker, port, syn)
    assert joined(transmit)[8:] == syn
    assert delivered(receive(worker, syn)) == [syn]
    assert overlay.clamped == 0


def test_a_send_that_failed_is_a_drop_and_no_longer_counted_as_sent() -> None:
    worker, port, overlay = make()
    [transmit] = send(worker, port, frame())
    first, second = transmit.next_hop.peers
    count_unsent(transmit, first, Drop.SOCKET_FULL)
    assert overlay.drops == {Drop.SOCKET_FULL: 1}
    assert overlay.peers[PEER_1].traffic.as_dict()["tx_frames"] == 0
    assert overlay.peers[PEER_2].traffic.as_dict()["tx_bytes"] == 60
    assert overlay.traffic.tx_frames == 1
    count_unsent(transmit, second, Drop.NO_ROUTE)
    assert overlay.drops[Drop.NO_ROUTE] == 1
    assert overlay.traffic.tx_frames == 0


def test_a_frame_that_hides_its_flow_is_not_overtaken() -> None:
    worker, port, _ = make(source_ports=64)
    network = IP(src="172.18.0.11", dst="172.18.0.12")
    whole = [frame(inner=network / UDP(sport=1, dport=2) / bytes(100)) for _ in range(2)]
    fragment = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12", frag=5, proto=17) / bytes(100))
    ordered = [whole[0], fragment, whole[1]]
    transmits = encapsulate(worker, port, [(data, virtio.PLAIN) for data in ordered], 0.0)
    assert [datagram[8:] for datagram in datagrams(transmits)] == ordered


def test_equal_frames_of_one_flow_leave_together_and_another_flow_by_its_own_port() -> None:
    worker, port, _ = make(source_ports=64)
    flows = [
        frame(
            inner=IP(src="172.18.0.11", dst="172.18.0.12") / UDP(sport=number, dport=2) / b"hello"
        )
        for number in range(40)
    ]
    transmits = encapsulate(worker, port, [(data, virtio.PLAIN) for data in flows], 0.0)
    assert len({transmit.next_hop.sport_index for transmit in transmits}) == len(transmits) > 10
    again = encapsulate(worker, port, [(flows[7], virtio.PLAIN)] * 30, 1.0)
    assert [transmit.datagrams for transmit in again] == [30]
    assert again[0].segment_size == 8 + len(flows[7])
    [sport_index] = {
        t.next_hop.sport_index for t in transmits if flows[7] in [d[8:] for d in datagrams([t])]
    }
    assert again[0].next_hop.sport_index == sport_index
