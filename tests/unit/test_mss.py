import struct

import pytest

from vtep.dataplane.mss import clamp_mss
from vtep.wire import ip

SYN = 0x02
SYN_ACK = 0x12
MSS_1460 = bytes.fromhex("020405b4")


def segment(options: bytes, flags: int = SYN, version: int = 4, words: int | None = None) -> bytes:
    """A TCP frame; `words` is the data offset when that is to lie about the options."""
    offset = (5 + len(options) // 4 if words is None else words) << 4
    tcp = struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, offset, flags, 64240, 0x1234, 0) + options
    if version == 4:
        packet = struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, bytes(8))
        return bytes(12) + b"\x08\x00" + packet + tcp
    return (
        bytes(12) + b"\x86\xdd" + struct.pack(">IHBB32s", 6 << 28, len(tcp), 6, 64, bytes(32)) + tcp
    )


def clamped(frame: bytes, mtu: int = 1450, partial: bool = False) -> bytes | None:
    """The frame after clamping, None if that said it changed nothing."""
    copy = bytearray(frame)
    headers = ip.locate(copy)
    assert headers is not None
    if clamp_mss(memoryview(copy), headers, mtu, partial):
        return bytes(copy)
    assert copy == frame
    return None


def mss(frame: bytes | None, at: int) -> int:
    assert frame is not None
    return int.from_bytes(frame[at : at + 2], "big")


@pytest.mark.parametrize("flags", [SYN, SYN_ACK, 0xC2])
def test_what_a_syn_announces_is_lowered_to_the_mtu(flags: int) -> None:
    assert mss(clamped(segment(MSS_1460, flags)), 56) == 1410
    assert mss(clamped(segment(MSS_1460, flags, version=6)), 76) == 1390


def test_a_vlan_tag_or_ip_options_are_no_hindrance() -> None:
    frame = segment(MSS_1460)
    tagged = frame[:12] + bytes.fromhex("8100000a") + frame[12:]
    assert mss(clamped(tagged), 60) == 1410


@pytest.mark.parametrize("announced", [1, 536, 1410])
def test_what_fits_is_left_alone(announced: int) -> None:
    assert clamped(segment(b"\x02\x04" + struct.pack(">H", announced))) is None


def test_one_octet_too_many_is_lowered() -> None:
    assert mss(clamped(segment(b"\x02\x04" + struct.pack(">H", 1411))), 56) == 1410


@pytest.mark.parametrize("flags", [0x10, 0x18, 0x04, 0x01])
def test_other_segments_are_left_alone(flags: int) -> None:
    assert clamped(segment(MSS_1460, flags)) is None


def test_the_checksum_follows_by_what_the_option_changed() -> None:
    frame = clamped(segment(MSS_1460))
    assert frame is not None
    # 1460 -> 1410 takes 50 from the sum, so it adds 50 to the complement.
    assert struct.unpack_from(">H", frame, 50) == (0x1234 + 50,)


def test_an_option_across_two_words_changes_the_checksum_by_its_swapped_octets() -> None:
    frame = clamped(segment(b"\x01" + MSS_1460 + bytes(3)))
    assert mss(frame, 57) == 1410
    assert frame is not None
    # 0x05b4 -> 0x0582 at an odd offset: the low octet counts 256 times.
    assert struct.unpack_from(">H", frame, 50) == (0x1234 + 50 * 256,)


def test_a_partial_checksum_stays_as_it_is() -> None:
    frame = clamped(segment(MSS_1460), partial=True)
    assert mss(frame, 56) == 1410
    assert frame is not None
    assert struct.unpack_from(">H", frame, 50) == (0x1234,)


def test_every_mss_option_is_lowered_for_receivers_differ_in_which_they_take() -> None:
    frame = clamped(segment(MSS_1460 + b"\x01" * 4 + MSS_1460))
    assert (mss(frame, 56), mss(frame, 64)) == (1410, 1410)


@pytest.mark.parametrize(
    "options",
    [
        b"\x00\x00\x00\x00" + MSS_1460,
        b"\x03\x00" + MSS_1460 + b"\x00\x00",
        b"\x03\x01" + MSS_1460 + b"\x00\x00",
        b"\x08\xff" + MSS_1460 + b"\x00\x00",
        b"\x01\x02\x04\x05",
        b"\x01\x01\x01\x02",
        b"\x02\x03\x05\x00",
        b"\x02\x05\x05\xb4\x00\x00\x00\x00",
        b"",
    ],
    ids=["after end", "length 0", "length 1", "too long", "cut", "no length", "3", "5", "none"],
)
def test_garbage_ends_the_search(options: bytes) -> None:
    assert clamped(segment(options)) is None


@pytest.mark.parametrize("words", [0, 4, 5])
def test_options_are_where_the_data_offset_says(words: int) -> None:
    assert clamped(segment(MSS_1460, words=words)) is None


def test_a_data_offset_beyond_the_packet_is_cut_to_it() -> None:
    assert mss(clamped(segment(MSS_1460, words=15)), 56) == 1410
    assert clamped(segment(b"\x01\x02\x04\x05", words=15) + b"\xb4\x00") is None


@pytest.mark.parametrize("octets", [0, 12, 13, 19])
def test_a_tcp_header_cut_short_is_left_alone(octets: int) -> None:
    frame = bytearray(segment(MSS_1460))
    frame[16:18] = struct.pack(">H", 20 + octets)
    assert clamped(bytes(frame[: 34 + octets])) is None


def test_other_protocols_are_left_alone() -> None:
    frame = bytearray(segment(MSS_1460))
    frame[23] = 17
    assert clamped(bytes(frame)) is None


def test_a_fragment_is_left_alone() -> None:
    frame = bytearray(segment(MSS_1460))
    frame[20] = 0x20
    assert clamped(bytes(frame)) is None
