"""802.1Q tags: access ports and trunks (RFC 7348 section 6.1)."""

from tests.frames import ARP, IP, MAC_A, MAC_B, UDP, Dot1Q, Ether, frame
from tests.memory import PEERS, delivered, joined, make, pseudo_sum, receive, send, trunk
from vtep.dataplane.counters import Drop
from vtep.dataplane.overlay import Overlay
from vtep.wire import virtio, vxlan


def test_on_an_access_port_tags_are_stripped_on_the_way_out() -> None:
    worker, port, _ = make()
    double = bytes(Ether(src=MAC_A, dst=MAC_B, type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / ARP())
    single = frame(vlan=5, inner=ARP())
    for tagged in (single, double):
        [transmit] = send(worker, port, tagged)
        assert joined(transmit)[8:] == frame(inner=ARP())


def test_stripping_a_tag_keeps_a_partial_checksum() -> None:
    worker, port, _ = make()
    packet = IP(src="172.18.0.11", dst="172.18.0.12") / UDP(sport=1, dport=2) / b"hello"
    partial = bytearray(frame(inner=packet, vlan=5))
    partial[44:46] = pseudo_sum(partial[4:], 17).to_bytes(2, "big")
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 38, 6)
    [transmit] = send(worker, port, bytes(partial), header)
    assert joined(transmit)[8:] == frame(inner=packet)


def test_a_tagged_frame_from_a_peer_is_discarded() -> None:
    worker, _, overlay = make()
    assert receive(worker, frame(vlan=5)) == []
    assert overlay.drops == {Drop.INNER_VLAN: 1}


def test_with_pass_tags_go_through_both_ways() -> None:
    worker, port, _ = make(tags="pass")
    tagged = frame(vlan=5)
    [transmit] = send(worker, port, tagged)
    assert joined(transmit)[8:] == tagged
    assert delivered(receive(worker, tagged)) == [tagged]


def test_a_peer_cannot_reach_a_vlan_of_another_overlay_by_a_tag_that_passes() -> None:
    worker, port, _, _ = trunk()
    native = Overlay(vni=1, port=port, peers=PEERS, mtu=1450, tags="pass")
    worker.vtep.add_overlay(native)
    for vlan in (10, 30):
        assert receive(worker, frame(vlan=vlan), vni=1) == []
    assert native.drops == {Drop.INNER_VLAN: 2}
    assert delivered(receive(worker, frame(vlan=0), vni=1)) == [frame(vlan=0)]


def test_a_trunk_maps_each_vlan_to_its_vni_and_takes_the_tag_off() -> None:
    worker, port, _, _ = trunk()
    for vlan, vni in ((10, 1010), (20, 1020)):
        [transmit] = send(worker, port, frame(vlan=vlan))
        assert joined(transmit) == vxlan.pack(vni) + frame()


def test_a_trunk_puts_its_own_tag_on_what_comes_in() -> None:
    worker, _, _, blue = trunk()
    [delivery] = receive(worker, frame(), vni=1020)
    assert delivered([delivery]) == [frame(vlan=20)]
    assert delivery.overlay is blue


def test_on_a_trunk_other_vlans_and_untagged_frames_belong_to_nobody() -> None:
    worker, port, _, _ = trunk()
    for data in (frame(vlan=30), frame(), frame(vlan=0)):
        assert send(worker, port, data) == []
    assert port.drops == {Drop.UNKNOWN_VLAN: 3}


def test_a_trunk_may_have_one_overlay_for_untagged_frames() -> None:
    worker, port, _, _ = trunk()
    native = Overlay(vni=1, port=port, peers=PEERS, mtu=1450)
    worker.vtep.add_overlay(native)
    for untagged in (frame(), frame(vlan=0)):
        [transmit] = send(worker, port, untagged)
        assert joined(transmit) == vxlan.pack(1) + frame()
    assert send(worker, port, frame(vlan=30)) == []
    assert delivered(receive(worker, frame(), vni=1)) == [frame()]
