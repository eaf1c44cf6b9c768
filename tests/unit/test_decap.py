"""From the underlay to the TAP: each decision on a datagram, with its counter."""

import errno

import pytest

from tests.frames import BROADCAST, IP, MAC_B, TCP, UDP, frame, mac
from tests.memory import (
    PEER_1,
    PEER_2,
    PEERS,
    TAP_MAC,
    delivered,
    joined,
    make,
    pseudo_sum,
    receive,
    receive_raw,
    send,
    sent_to,
    trunk,
    worker_of,
)
from tests.memory import decapsulate as decapsulate_batch
from vtep.dataplane.counters import Drop
from vtep.dataplane.decap import Delivery, count_undelivered
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Peer
from vtep.dataplane.vtep import MAX_EXPIRED_PEERS, Vtep
from vtep.dataplane.worker import Worker
from vtep.wire import virtio, vxlan


def test_a_datagram_becomes_the_frame_it_carries() -> None:
    worker, _, overlay = make()
    [delivery] = receive(worker, frame())
    assert bytes(delivery.parts[0]) == bytes(10) + frame()
    assert delivery.overlay is overlay
    assert overlay.traffic.as_dict()["rx_bytes"] == 60


@pytest.mark.parametrize("length", range(8))
def test_a_datagram_shorter_than_the_header_is_short(length: int) -> None:
    worker, _, _ = make()
    assert receive_raw(worker, vxlan.pack(100)[:length]) == []
    assert worker.vtep.drops == {Drop.SHORT: 1}


@pytest.mark.parametrize("length", range(14))
def test_a_datagram_whose_frame_is_cut_short_is_a_runt(length: int) -> None:
    worker, _, overlay = make()
    assert receive(worker, frame()[:length]) == []
    assert overlay.drops == {Drop.RUNT: 1}


def test_without_the_i_flag_there_is_no_vni() -> None:
    worker, _, _ = make()
    header = bytes.fromhex("f7ffffff000064ff")
    assert receive_raw(worker, header + frame()) == []
    assert worker.vtep.drops == {Drop.BAD_FLAGS: 1}


@pytest.mark.parametrize("bit", [b for b in range(64) if b not in (4, *range(32, 56))])
def test_every_reserved_bit_is_ignored_and_counted(bit: int) -> None:
    worker, _, overlay = make()
    header = int.from_bytes(vxlan.pack(100), "big") | 1 << (63 - bit)
    datagram = header.to_bytes(8, "big") + frame()
    assert delivered(receive_raw(worker, datagram)) == [frame()]
    assert overlay.reserved_bits == 1


def test_a_vni_that_is_not_ours_is_unknown() -> None:
    worker, _, _ = make()
    assert receive(worker, frame(), vni=101) == []
    assert worker.vtep.drops == {Drop.UNKNOWN_VNI: 1}


def test_a_stranger_is_dropped_and_teaches_nothing() -> None:
    worker, _, overlay = make()
    assert receive(worker, frame(), "192.0.2.1") == []
    assert overlay.drops == {Drop.UNKNOWN_PEER: 1}
    assert len(overlay.fdb) == 0


def test_a_peer_of_another_overlay_is_a_stranger_here() -> None:
    port = AccessPort("vx0", mac(TAP_MAC))
    other = AccessPort("vx1", mac(TAP_MAC))
    red = Overlay(vni=1, port=port, peers=PEERS[:1], mtu=1450)
    blue = Overlay(vni=2, port=other, peers=PEERS[1:], mtu=1450)
    worker = worker_of([red, blue])
    assert receive(worker, frame(), PEER_2, vni=1) == []
    assert red.drops == {Drop.UNKNOWN_PEER: 1}


def test_accept_any_takes_strangers_answers_them_and_forgets_them() -> None:
    worker, port, overlay = make(accept_any=True, ageing=10.0)
    assert len(receive(worker, frame(src=MAC_B), "192.0.2.1", now=0.0)) == 1
    [transmit] = send(worker, port, frame(dst=MAC_B), now=1.0)
    assert [peer.address for peer in transmit.next_hop.peers] == [("192.0.2.1", 4789)]
    assert sent_to(send(worker, port, frame(dst=BROADCAST), now=1.0)) == [[PEER_1, PEER_2]]
    worker.vtep.expire(9.9)
    assert "192.0.2.1" in overlay.peers
    worker.vtep.expire(10.0)
    assert set(overlay.peers) == {PEER_1, PEER_2}


def test_accept_any_does_not_let_strangers_fill_the_memory() -> None:
    _, _, overlay = make(accept_any=True)
    worker = Worker(Vtep([overlay], frozenset(), 4789, max_learned_peers=4))
    for number in range(5):
        receive(worker, frame(), f"192.0.2.{number}")
    assert len(overlay.peers) == 4
    assert overlay.drops == {Drop.PEER_LIMIT: 3}


def test_junk_makes_no_stranger_a_peer() -> None:
    worker, _, overlay = make(accept_any=True)
    assert receive(worker, b"", "192.0.2.1") == []
    assert receive(worker, frame(src=BROADCAST), "192.0.2.1") == []
    assert set(overlay.peers) == {PEER_1, PEER_2}


def test_a_link_local_stranger_is_answered_on_the_device_it_was_heard_on() -> None:
    worker, port, _ = make(accept_any=True)
    receive(worker, frame(src=MAC_B), "fe80::41%7")
    [transmit] = send(worker, port, frame(dst=MAC_B))
    assert [peer.address for peer in transmit.next_hop.peers] == [("fe80::41", 4789, 0, 7)]


def test_who_was_refused_last_is_remembered() -> None:
    worker, _, overlay = make()
    receive(worker, frame(), "192.0.2.1")
    receive(worker, frame(), "192.0.2.2")
    assert overlay.last_refused == "192.0.2.2"


def test_our_own_datagram_and_our_own_mac_are_echoes() -> None:
    worker, _, overlay = make(accept_any=True)
    assert receive(worker, frame(), "10.0.1.4") == []
    assert receive(worker, frame(src=TAP_MAC)) == []
    assert overlay.drops == {Drop.SELF_SOURCE: 2}


def test_equal_macs_in_two_overlays_never_meet() -> None:
    ports = [AccessPort(name, mac(TAP_MAC)) for name in ("vx0", "vx1")]
    red, blue = (
        Overlay(vni=vni, port=port, peers=PEERS, mtu=1450)
        for vni, port in zip((1, 2), ports, strict=True)
    )
    worker = worker_of([red, blue])
    receive(worker, frame(src=MAC_B), PEER_1, vni=1)
    [delivery] = receive(worker, frame(src=MAC_B), PEER_2, vni=2)
    assert delivery.overlay is blue
    for port, vni, peer in ((ports[0], 1, PEER_1), (ports[1], 2, PEER_2)):
        [transmit] = send(worker, port, frame(dst=MAC_B))
        assert vxlan.parse(joined(transmit)) == vni
        assert sent_to([transmit]) == [[peer]]


def test_two_overlays_with_one_vni_are_refused() -> None:
    port = AccessPort("vx0", mac(TAP_MAC))
    overlays = [Overlay(vni=7, port=port, vlan=v, peers=PEERS, mtu=1450) for v in (1, 2)]
    with pytest.raises(ValueError, match="VNI 7"):
        worker_of(overlays)


def test_a_partial_checksum_from_a_peer_is_completed_by_the_kernel() -> None:
    worker, _, _ = make()
    partial = bytearray(frame(inner=IP(dst="172.18.0.12") / TCP() / b"hello"))
    partial[50:52] = pseudo_sum(partial, 6).to_bytes(2, "big")
    [delivery] = receive(worker, bytes(partial))
    expected = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 16)
    assert virtio.parse(delivery.parts[0]) == expected
    assert delivered([delivery]) == [bytes(partial)]


def test_a_partial_checksum_of_a_gso_frame_is_described_after_a_trunk_tag_too() -> None:
    worker, _, _, _ = trunk()
    partial = bytearray(frame(inner=IP(dst="172.18.0.12") / TCP() / bytes(9000)))
    partial[50:52] = pseudo_sum(partial, 6).to_bytes(2, "big")
    [delivery] = receive(worker, bytes(partial), vni=1010)
    assert virtio.parse(delivery.parts[0]) == virtio.VirtioHeader(
        virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 58, 1410, 38, 16
    )


def test_a_partial_udp_packet_above_the_mtu_is_dropped() -> None:
    worker, _, overlay = make()
    partial = bytearray(frame(inner=IP(dst="172.18.0.12") / UDP() / bytes(9000)))
    partial[40:42] = pseudo_sum(partial, 17).to_bytes(2, "big")
    assert receive(worker, bytes(partial)) == []
    assert overlay.drops == {Drop.OVERSIZE: 1}


def test_a_finished_frame_above_our_mtu_is_delivered_as_it_is() -> None:
    worker, _, _ = make()
    large = frame(inner=IP(dst="172.18.0.12") / UDP() / bytes(1472))
    [delivery] = receive(worker, large)
    assert bytes(delivery.parts[0]) == bytes(10) + large


def test_a_tap_that_refuses_a_frame_is_counted() -> None:
    worker, _, overlay = make()
    [delivery] = receive(worker, frame())
    errors = {errno.EAGAIN: Drop.TAP_FULL, errno.EIO: Drop.TAP_DOWN, errno.EINVAL: Drop.TAP_REFUSED}
    for error, reason in errors.items():
        count_undelivered(delivery, error)
        assert overlay.drops[reason] == 1
        assert overlay.rx_dropped == overlay.drops.total()


def test_a_frame_that_hides_its_flow_does_not_overtake_what_waits() -> None:
    worker, _, _ = make()
    network = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF")
    segments = [
        frame(inner=network / TCP(flags="A", seq=number * 100) / bytes(100)) for number in range(2)
    ]
    network.options = b"\x01" * 4
    last = frame(inner=network / TCP(flags="FA", seq=200))
    batch = [(vxlan.pack(100) + data, PEER_1, 0) for data in (*segments, last)]
    joined_, alone = decapsulate_batch(worker, batch, 0.0)
    assert virtio.parse(joined_.parts[0]).gso_size == 100
    assert delivered([alone]) == [last]


def test_reserved_bits_do_not_let_a_segment_overtake_its_flow() -> None:
    worker, _, overlay = make()
    network = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF")
    segments = [
        frame(inner=network / TCP(flags="A", seq=number * 100) / (b"%d" % number * 100))
        for number in range(4)
    ]
    headers = [vxlan.pack(100)] * 4
    headers[2] = b"\x88\0\0\x07" + headers[2][4:]  # a GBP policy, which differs by packet
    batch = [(head + data, PEER_1, 0) for head, data in zip(headers, segments, strict=True)]
    for now in (0.0, 0.1):
        out = b"".join(delivered(decapsulate_batch(worker, batch, now)))
        found = [out.find(b"%d" % number * 100) for number in range(4)]
        assert found == sorted(found)
        assert -1 not in found
    assert overlay.reserved_bits == 2


def test_a_frame_that_cannot_be_delivered_leaves_no_packet_behind() -> None:
    worker, _, _ = make()
    network = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF")
    flows = [
        vxlan.pack(100) + frame(inner=network / TCP(sport=port, flags="A", seq=seq) / bytes(100))
        for port in (1, 2)
        for seq in (0, 100)
    ]
    slots = worker.pool.small
    messages = []
    for number, datagram in enumerate(flows):
        end = 8 + len(datagram)
        slots.views[number][8:end] = datagram
        messages.append(Message(slots, number, end, PEER_1, len(datagram)))

    def fail(delivery: Delivery) -> None:
        raise KeyboardInterrupt

    worker.begin_batch(0.0)
    with pytest.raises(KeyboardInterrupt):
        worker.decap.decapsulate(messages, fail)
    assert delivered(receive_raw(worker, flows[3])) == [flows[3][8:]]


def test_silent_accepted_peers_are_removed_a_bounded_number_at_a_time() -> None:
    worker, _, overlay = make(accept_any=True, ageing=10.0)
    for number in range(MAX_EXPIRED_PEERS + 5):
        peer = Peer(f"10.9.{number >> 8}.{number & 255}", (), heard_at=0.0)
        overlay.add_peer(peer, flood=False)
    worker.vtep.expire(10.0)
    assert len(overlay.peers) == 2 + 5
    worker.vtep.expire(10.0)
    assert set(overlay.peers) == {PEER_1, PEER_2}
