import pytest

from vtep.wire import ethernet

MACS = bytes.fromhex("02000000000b02000000000a")
UNTAGGED = MACS + b"\x08\x06" + b"payload"


def slot_with(frame: bytes, room: int = 16) -> memoryview:
    return memoryview(bytearray(b"\xee" * room + frame))


def test_group_addresses_are_recognised_by_one_bit() -> None:
    assert ethernet.is_group(ethernet.BROADCAST)
    assert ethernet.is_group(b"\x01\x00\x5e\x00\x00\x01")
    assert not ethernet.is_group(b"\x02\x00\x00\x00\x00\x01")


def test_a_formatted_mac_is_parsed_again() -> None:
    mac = bytes.fromhex("02ab00ff0001")
    assert ethernet.format_mac(mac) == "02:ab:00:ff:00:01"
    assert ethernet.parse_mac("02:ab:00:ff:00:01") == mac
    assert ethernet.parse_mac("02-AB-00-FF-00-01") == mac


@pytest.mark.parametrize(
    "text",
    [
        *("", "02:00", "02:00:00:00:00:01:02", "0200.0000.0001", "2:0:0:0:0:1"),
        *("02:00:00:00:00:0g", "02:00:00:00:00: 1", "02:00:00:00:00:+1", "02:00:00:00:00:1_"),
    ],
)
def test_text_that_is_not_a_mac_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 02:00:00:00:00:01"):
        ethernet.parse_mac(text)


@pytest.mark.parametrize("ethertype", [ethernet.VLAN, ethernet.QINQ])
def test_the_vlan_is_read_without_priority_bits(ethertype: int) -> None:
    frame = MACS + ethertype.to_bytes(2, "big") + b"\xf0\x64" + b"\x08\x00"
    assert ethernet.vlan_id(slot_with(frame), 16) == 100


def test_an_untagged_frame_has_no_vlan() -> None:
    assert ethernet.vlan_id(slot_with(UNTAGGED), 16) is None


def test_a_truncated_tag_counts_as_untagged() -> None:
    frame = MACS + b"\x81\x00\x00\x64\x08"
    assert ethernet.vlan_id(slot_with(frame), 16) is None


def test_popping_an_inserted_tag_restores_the_frame() -> None:
    tag = ethernet.pack_tag(100)
    assert tag == b"\x81\x00\x00\x64"
    slot = slot_with(MACS + tag + UNTAGGED[12:])
    assert ethernet.vlan_id(slot, 16) == 100
    assert ethernet.pop_tag(slot, 16) == 20
    assert slot[20:] == UNTAGGED


def test_only_the_outer_of_two_tags_is_popped() -> None:
    slot = slot_with(MACS + bytes.fromhex("88a80002810000030800") + b"payload")
    start = ethernet.pop_tag(slot, 16)
    assert slot[start:] == MACS + bytes.fromhex("810000030800") + b"payload"


@pytest.mark.parametrize("vid", [-1, 0, 4095, 4096])
def test_a_vlan_out_of_range_is_refused(vid: int) -> None:
    with pytest.raises(ValueError, match=f"VLAN {vid}: out of range; use 1..4094"):
        ethernet.pack_tag(vid)
