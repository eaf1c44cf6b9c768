"""The flow cache: its bound, and that no entry outlives a change of what it was made from."""

import pytest

from tests.frames import IP, MAC_A, MAC_B, TCP, UDP, frame, mac
from tests.memory import (
    PEER_1,
    PEER_2,
    PEERS,
    datagrams,
    delivered,
    encapsulate,
    make,
    pseudo_sum,
    receive,
    send,
    sent_to,
    trunk,
)
from tests.unit.test_encap_gso import GSO4, bulk
from vtep.dataplane.counters import Drop
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Peer, Transmit
from vtep.dataplane.vtep import Vtep
from vtep.dataplane.worker import Worker
from vtep.wire import virtio

V4 = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF")


def udp(port: int, src: str = MAC_A, dst: str = MAC_B) -> bytes:
    return frame(src=src, dst=dst, inner=V4 / UDP(sport=port, dport=2) / b"data")


def bounded(max_flows: int) -> tuple[Worker, AccessPort, Overlay]:
    port = AccessPort("vx0", mac("02:ff:ff:ff:ff:01"))
    overlay = Overlay(vni=100, port=port, peers=PEERS, mtu=1450)
    return Worker(Vtep([overlay], frozenset(), 4789), max_flows=max_flows), port, overlay


def test_both_directions_together_never_hold_more_flows_than_the_bound() -> None:
    worker, port, overlay = bounded(16)
    for number in range(200):
        send(worker, port, udp(number, dst=MAC_B))
        receive(worker, udp(number, src=MAC_B, dst=MAC_A))
        assert len(worker.flows) <= 16 + 1  # a batch may add its own flows before the next
    assert overlay.traffic.rx_frames == 200
    assert overlay.traffic.tx_frames >= 200


def test_a_flow_in_use_survives_any_number_of_others() -> None:
    worker, port, overlay = bounded(16)
    unknown: list[bytes] = []
    send(worker, port, udp(0))
    overlay.on_flood = unknown.append  # called whenever a flow to an unknown MAC is classified
    for number in range(1, 200):
        send(worker, port, udp(0))
        send(worker, port, udp(number, dst="ff:ff:ff:ff:ff:ff"))
    assert unknown == []


def test_a_known_flow_is_classified_again_within_a_second_so_that_its_mac_stays_young() -> None:
    worker, port, overlay = make()
    for tenth in range(25):
        send(worker, port, udp(1), now=tenth / 10)
        entry = overlay.fdb.lookup(mac(MAC_A), tenth / 10)
        assert entry is not None
        assert tenth / 10 - entry < 1.0


def test_a_short_ageing_time_shortens_the_life_of_an_entry() -> None:
    worker, port, overlay = make(ageing=0.4)
    for hundredth in range(0, 200, 5):
        now = hundredth / 100
        send(worker, port, udp(1), now=now)
        entry = overlay.fdb.lookup(mac(MAC_A), now)
        assert entry is not None
        assert now - entry <= 0.1


def test_a_lower_mtu_applies_to_known_flows() -> None:
    worker, port, overlay = make(peers=PEERS[:1])
    before = datagrams(send(worker, port, bulk(), GSO4))
    overlay.mtu = 1000
    after = datagrams(send(worker, port, bulk(), GSO4))
    assert max(map(len, before)) == 8 + 14 + 1440
    assert max(map(len, after)) == 8 + 14 + 1000
    long = frame(inner=V4 / UDP(sport=1, dport=2) / bytes(1300))
    assert send(worker, port, long) == []
    assert overlay.drops == {Drop.OVERSIZE: 1}
    overlay.mtu = 1450
    assert len(send(worker, port, long)) == 1


def test_an_added_peer_is_flooded_to_and_a_removed_one_is_not() -> None:
    worker, port, overlay = make(peers=PEERS[:1])
    assert sent_to(send(worker, port, udp(1))) == [[PEER_1]]
    overlay.add_peer(Peer(PEER_2, (PEER_2, 4789)), flood=True)
    assert sent_to(send(worker, port, udp(1))) == [[PEER_1, PEER_2]]
    receive(worker, udp(1, src=MAC_B, dst=MAC_A), PEER_2)
    assert sent_to(send(worker, port, udp(1))) == [[PEER_2]]
    overlay.remove_peer(overlay.peers[PEER_2])
    assert sent_to(send(worker, port, udp(1))) == [[PEER_1]]
    assert receive(worker, udp(1, src=MAC_B, dst=MAC_A), PEER_2) == []
    assert overlay.drops == {Drop.UNKNOWN_PEER: 1}


def test_a_removed_overlay_forwards_nothing_more_for_known_flows() -> None:
    worker, port, red, blue = trunk()
    tagged = frame(vlan=10, inner=V4 / UDP(sport=1, dport=2))
    untagged = frame(inner=V4 / UDP(sport=1, dport=2))
    assert len(send(worker, port, tagged)) == 1
    assert len(receive(worker, untagged, vni=1010)) == 1
    worker.vtep.remove_overlay(red)
    assert send(worker, port, tagged) == []
    assert receive(worker, untagged, vni=1010) == []
    assert port.drops == {Drop.UNKNOWN_VLAN: 1}
    assert worker.vtep.drops == {Drop.UNKNOWN_VNI: 1}
    assert len(receive(worker, untagged, vni=1020)) == 1
    worker.vtep.add_overlay(red)
    assert len(receive(worker, untagged, vni=1010)) == 1
    assert len(send(worker, port, tagged)) == 1
    assert blue.traffic.rx_frames == 1


def test_an_overlay_that_is_refused_changes_nothing() -> None:
    worker, port, red, _ = trunk()
    for vni, vlan, message in ((1010, 30, "VNI 1010"), (1030, 10, "VLAN 10")):
        other = Overlay(vni=vni, vlan=vlan, port=port, peers=PEERS, mtu=1450)
        with pytest.raises(ValueError, match=message):
            worker.vtep.add_overlay(other)
    assert port.by_vlan[10] is red
    assert 30 not in port.by_vlan


def test_unused_flows_are_dropped_in_time_and_free_what_they_refer_to() -> None:
    worker, _, _, _ = trunk()
    receive(worker, udp(1), vni=1010)
    for now in (1.0, 61.0, 122.0, 183.0):
        receive(worker, udp(2), vni=1020, now=now)
    assert len(worker.flows) == 1


@pytest.mark.parametrize("offset", [1000, 5000])
def test_a_checksum_field_elsewhere_is_checked_for_every_frame(offset: int) -> None:
    worker, port, overlay = make(peers=PEERS[:1], mtu=9000)
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, offset)
    long = frame(inner=V4 / UDP(sport=1, dport=2) / bytes(8000))
    assert len(send(worker, port, long, header)) == 1
    assert send(worker, port, udp(1), header) == []
    assert overlay.drops == {Drop.BAD_OFFLOAD: 1}


def test_a_send_that_fails_leaves_nothing_in_the_queue() -> None:
    worker, port, overlay = make(peers=PEERS[:1], source_ports=64)
    slots = worker.pool.small
    refs = []
    for number in range(8):  # of several source ports, so that some still wait
        raw = virtio.pack(virtio.PLAIN) + udp(number)
        slots.views[number][6 : 6 + len(raw)] = raw
        refs.append((slots, number, 6 + len(raw)))

    def fail(transmit: Transmit) -> None:
        raise KeyboardInterrupt

    worker.begin_batch(0.0)
    with pytest.raises(KeyboardInterrupt):
        worker.encap.encapsulate(port, refs, fail)
    assert datagrams(send(worker, port, udp(99))) == [overlay.header + udp(99)]


def test_a_local_destination_is_flooded_to_when_its_entry_is_dead() -> None:
    worker, port, _ = make(ageing=4.0)
    send(worker, port, udp(1, src=MAC_B, dst="ff:ff:ff:ff:ff:ff"), now=0.0)
    assert send(worker, port, udp(1), now=3.9) == []
    assert sent_to(send(worker, port, udp(1), now=4.0)) == [[PEER_1, PEER_2]]


def test_rehearsing_changes_neither_counters_nor_the_fdb() -> None:
    worker, port, overlay = make(peers=PEERS[:1])
    for _ in range(2):  # learning is a change: only then are both entries valid
        send(worker, port, udp(1), now=0.0)
        receive(worker, udp(1, src=MAC_B, dst=MAC_A), now=0.0)
    slot = worker.pool.large.views[0]
    raw = virtio.pack(virtio.PLAIN) + udp(1)
    slot[6 : 6 + len(raw)] = raw
    worker.encap.remember(port, slot, 6 + len(raw))
    raw = overlay.header + udp(1, src=MAC_B, dst=MAC_A)
    slot[8 : 8 + len(raw)] = raw
    worker.decap.remember(slot, 8 + len(raw), PEER_1)
    before = overlay.traffic.as_dict(), list(overlay.fdb.entries(0.0)), overlay.flooded.copy()
    for now in (0.1, 0.9, 1.1, 5.0):
        worker.begin_batch(now)
        worker.encap.rehearse()
        worker.decap.rehearse()
    assert before == (
        overlay.traffic.as_dict(),
        list(overlay.fdb.entries(0.0)),
        overlay.flooded,
    )


@pytest.mark.parametrize(
    "other",
    [
        frame(inner=IP(src="172.18.0.11", dst="172.18.0.12", ttl=9) / UDP(sport=1, dport=2) / b"d"),
        frame(inner=V4 / UDP(sport=1, dport=3) / b"data"),
        frame(inner=IP(src="172.18.0.11", dst="172.18.0.12", frag=5, proto=17) / bytes(30)),
        udp(1)[:40],
        udp(1)[:14],
    ],
    ids=["TTL", "port", "fragment", "cut short", "only Ethernet"],
)
def test_a_frame_that_is_not_of_a_cached_flow_is_forwarded_by_itself(other: bytes) -> None:
    worker, port, _ = make()
    fresh, fresh_port, _ = make()
    for _ in range(3):
        send(worker, port, udp(1))
    assert datagrams(send(worker, port, other)) == datagrams(send(fresh, fresh_port, other))


def test_a_dropped_flow_is_dropped_again_and_counted_each_time() -> None:
    worker, port, overlay = make()
    send(worker, port, udp(1, src=MAC_B, dst="ff:ff:ff:ff:ff:ff"))
    for _ in range(3):
        assert send(worker, port, udp(1)) == []
    assert overlay.drops == {Drop.LOCAL_DESTINATION: 3}
    receive(worker, udp(1, src=MAC_B, dst=MAC_A), PEER_1)
    assert sent_to(send(worker, port, udp(1))) == [[PEER_1]]


def test_frames_that_are_not_ip_are_cached_by_their_macs() -> None:
    worker, port, overlay = make(peers=PEERS[:1])
    unknown: list[bytes] = []
    overlay.on_flood = unknown.append
    for _ in range(5):
        assert len(send(worker, port, frame())) == 1
    assert unknown == [mac(MAC_B)]


def test_gso_flows_of_any_length_share_one_entry() -> None:
    worker, port, _ = make(peers=PEERS[:1])
    send(worker, port, bulk(3000), GSO4)
    known = len(worker.flows)
    for octets in range(3001, 60_000, 997):
        rows = datagrams(send(worker, port, bulk(octets), GSO4))
        assert sum(len(row) - 62 for row in rows) == octets
    assert len(worker.flows) == known


def test_many_small_frames_of_one_flow_are_finished_as_each_alone() -> None:
    inner = V4 / TCP(sport=5, dport=6, flags="A") / bytes(range(101))
    finished = frame(inner=inner)
    partial = bytearray(finished)
    partial[50:52] = pseudo_sum(partial, 6).to_bytes(2, "big")
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 16)
    worker, port, _ = make(peers=PEERS[:1])
    [transmit] = encapsulate(worker, port, [(bytes(partial), header)] * 40, 0.0)
    assert datagrams([transmit]) == [b"\x08\0\0\0\0\0\x64\0" + finished] * 40


def test_interleaved_flows_are_finished_as_each_alone() -> None:
    worker, port, _ = make(peers=PEERS[:1], source_ports=64)
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 6)
    batch, expected = [], []
    for number in range(60):
        data = bytearray(frame(inner=V4 / UDP(sport=number % 3, dport=2) / bytes([number] * 99)))
        expected.append(bytes(data))
        data[40:42] = pseudo_sum(data, 17).to_bytes(2, "big")
        batch.append((bytes(data), header))
    sent = [datagram[8:] for datagram in datagrams(encapsulate(worker, port, batch, 0.0))]
    for flow in range(3):
        of_flow = [one for one in sent if one[34:36] == flow.to_bytes(2, "big")]
        assert of_flow == expected[flow::3]


def test_a_message_of_many_flows_keeps_within_the_bound() -> None:
    worker, _, _ = bounded(4)
    for number in range(50):
        [one] = delivered(receive(worker, udp(number, src=MAC_B, dst=MAC_A)))
        assert one == udp(number, src=MAC_B, dst=MAC_A)
        assert len(worker.flows) <= 4 + 1
