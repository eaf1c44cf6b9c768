import pytest

from vtep.wire import vxlan


@pytest.mark.parametrize("vni", [0, 1, 100, vxlan.MAX_VNI])
def test_a_packed_vni_is_parsed_again(vni: int) -> None:
    header = vxlan.pack(vni)
    assert len(header) == vxlan.HEADER_LEN
    assert vxlan.parse(header) == vni
    assert not vxlan.reserved_bits(header)


@pytest.mark.parametrize("vni", [-1, vxlan.MAX_VNI + 1])
def test_a_vni_of_more_than_24_bits_is_refused(vni: int) -> None:
    with pytest.raises(ValueError, match=f"VNI {vni}: out of range; use 0..16777215"):
        vxlan.pack(vni)


@pytest.mark.parametrize("length", range(vxlan.HEADER_LEN))
def test_a_truncated_header_has_no_vni(length: int) -> None:
    assert vxlan.parse(vxlan.pack(100)[:length]) is None
    assert vxlan.parse(bytes(16) + vxlan.pack(100)[:length], 16) is None


def test_a_header_is_parsed_at_an_offset() -> None:
    assert vxlan.parse(memoryview(bytes(8) + vxlan.pack(7) + b"frame"), 8) == 7


def test_without_the_i_flag_there_is_no_vni() -> None:
    assert vxlan.parse(bytes.fromhex("f7ffffff000064ff")) is None


@pytest.mark.parametrize("bit", range(64))
def test_each_reserved_bit_is_reported_and_does_not_change_the_vni(bit: int) -> None:
    number = int.from_bytes(vxlan.pack(0), "big") | 1 << bit
    header = number.to_bytes(8, "big")
    in_vni = 8 <= bit < 32
    assert vxlan.reserved_bits(header) == (not in_vni and bit != 59)
    assert vxlan.parse(header) == (1 << bit - 8 if in_vni else 0)


def test_a_truncated_header_has_no_reserved_bits() -> None:
    assert not vxlan.reserved_bits(b"\xff" * 7)
