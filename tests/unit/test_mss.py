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
    """Return the frame after clamping; None if `clamp_mss` returned False."""
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
def test_the_mss_of_a_syn_is_lowered_to_the_mtu(flags: int) -> None:
    assert mss(clamped(segment(MSS_1460, flags)), 56) == 1410
    assert mss(clamped(segment(MSS_1460, flags, version=6)), 76) == 1390


def test_the_mss_is_lowered_after_a_vlan_tag_or_ip_options() -> None:
    frame = segment(MSS_1460)
    tagged = frame[:12] + bytes.fromhex("8100000a") + frame[12:]
    assert mss(clamped(tagged), 60) == 1410


@pytest.mark.parametrize("announced", [1, 536, 1410])
def test_an_mss_that_fits_is_not_changed(announced: int) -> None:
    assert clamped(segment(b"\x02\x04" + struct.pack(">H", announced))) is None


def test_an_mss_one_octet_too_large_is_lowered() -> None:
    assert mss(clamped(segment(b"\x02\x04" + struct.pack(">H", 1411))), 56) == 1410


@pytest.mark.parametrize("flags", [0x10, 0x18, 0x04, 0x01])
def test_segments_without_syn_are_not_changed(flags: int) -> None:
    assert clamped(segment(MSS_1460, flags)) is None


def test_the_checksum_is_updated() -> None:
    frame = clamped(segment(MSS_1460))
    assert frame is not None
    # 1460 -> 1410 takes 50 from the sum, so it adds 50 to the complement.
    assert struct.unpack_from(">H", frame, 50) == (0x1234 + 50,)


def test_the_checksum_is_updated_for_an_option_at_an_odd_offset() -> None:
    frame = clamped(segment(b"\x01" + MSS_1460 + bytes(3)))
    assert mss(frame, 57) == 1410
    assert frame is not None
    # 0x05b4 -> 0x0582 at an odd offset: the low octet counts 256 times.
    assert struct.unpack_from(">H", frame, 50) == (0x1234 + 50 * 256,)


def test_a_partial_checksum_is_not_changed() -> None:
    frame = clamped(segment(MSS_1460), partial=True)
    assert mss(frame, 56) == 1410
    assert frame is not None
    assert struct.unpack_from(">H", frame, 50) == (0x1234,)


def test_every_mss_option_of_a_segment_is_lowered() -> None:
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
def test_an_invalid_option_ends_the_search(options: bytes) -> None:
    assert clamped(segment(options)) is None


@pytest.mark.parametrize("words", [0, 4, 5])
def test_options_end_at_the_data_offset(words: int) -> None:
    assert clamped(segment(MSS_1460, words=words)) is None


def test_options_end_at_the_end_of_the_packet() -> None:
    assert mss(clamped(segment(MSS_1460, words=15)), 56) == 1410
    assert clamped(segment(b"\x01\x02\x04\x05", words=15) + b"\xb4\x00") is None


@pytest.mark.parametrize("octets", [0, 12, 13, 19])
def test_a_truncated_tcp_header_is_not_changed(octets: int) -> None:
    frame = bytearray(segment(MSS_1460))
    frame[16:18] = struct.pack(">H", 20 + octets)
    assert clamped(bytes(frame[: 34 + octets])) is None


def test_other_protocols_are_not_changed() -> None:
    frame = bytearray(segment(MSS_1460))
    frame[23] = 17
    assert clamped(bytes(frame)) is None


def test_a_fragment_is_not_changed() -> None:
    frame = bytearray(segment(MSS_1460))
    frame[20] = 0x20
    assert clamped(bytes(frame)) is None
