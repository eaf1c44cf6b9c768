import pytest

from vtep.wire import checksum


@pytest.mark.parametrize("octets", [0, 1, 2, 7, 1400])
def test_zeros_sum_to_zero_and_ones_to_all_ones(octets: int) -> None:
    assert checksum.ones_sum(bytes(octets)) == 0
    if octets:
        assert checksum.ones_sum(b"\xff" * (octets * 2)) == 0xFFFF


def test_a_multiple_of_ffff_that_is_not_zero_sums_to_ffff() -> None:
    assert checksum.ones_sum(bytes.fromhex("8000 7fff")) == 0xFFFF
    assert checksum.ones_sum(bytes.fromhex("00ff ff00")) == 0xFFFF


def test_a_last_odd_octet_is_the_high_half_of_a_word() -> None:
    assert checksum.ones_sum(b"\x12") == 0x1200
    assert checksum.ones_sum(b"\x00\x01\xff") == 0xFF01


def test_every_kind_of_buffer_is_summed() -> None:
    for buf in (b"\x12\x34", bytearray(b"\x12\x34"), memoryview(b"\x12\x34")):
        assert checksum.ones_sum(buf) == 0x1234


def test_complement_turns_a_sum_into_a_checksum_and_back() -> None:
    assert checksum.complement(0x220D) == 0xDDF2
    assert checksum.complement(checksum.complement(0xDDF2)) == 0xDDF2
    assert checksum.complement(0) == 0xFFFF


def test_an_update_folds_twice() -> None:
    # ~0 + ~0 + 1 is 0x1ffff: folding it once leaves 0x10000.
    assert checksum.update(0, 0, 1) == 0xFFFE


def test_an_updated_checksum_equals_a_new_sum() -> None:
    words = bytearray.fromhex("4500 0034 fffe 4000 4006 0a09 0001")
    before = checksum.complement(checksum.ones_sum(words))
    words[4:6] = b"\x00\x01"
    after = checksum.complement(checksum.ones_sum(words))
    assert checksum.update(before, 0xFFFE, 0x0001) == after
    assert checksum.update(after, 0x0001, 0xFFFE) == before
