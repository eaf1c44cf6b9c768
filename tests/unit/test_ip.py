import struct

import pytest

from vtep.wire import ip
from vtep.wire.ip import Headers

MACS = bytes(12)
TAG = bytes.fromhex("8100 0064")
OUTER_TAG = bytes.fromhex("88a8 0002")
IPV4 = b"\x08\x00"
IPV6 = b"\x86\xdd"
ADDRESSES_4 = bytes.fromhex("0a0900010a090002")
ADDRESSES_6 = bytes.fromhex("fd" + "00" * 14 + "01" + "fd" + "00" * 14 + "02")


def packet4(
    payload: bytes, options: bytes = b"", fragment: int = 0, protocol: int = 17, extra: int = 0
) -> bytes:
    total = 20 + len(options) + len(payload) + extra
    first = 0x45 + len(options) // 4
    header = struct.pack(">BBHHHBBH", first, 0, total, 1, fragment, 64, protocol, 0)
    return header + ADDRESSES_4 + options + payload


def packet6(payload: bytes, protocol: int = 6, extra: int = 0) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(payload) + extra, protocol, 64) + ADDRESSES_6 + payload


def extension(following: int, octets: int = 8) -> bytes:
    return bytes([following, octets // 8 - 1]) + bytes(octets - 2)


def fragment_header(following: int, position: int) -> bytes:
    return struct.pack(">BBHI", following, 0, position, 1)


def test_plain_ipv4() -> None:
    frame = MACS + IPV4 + packet4(b"datagram")
    assert ip.locate(frame) == Headers(4, 14, 34, 42, ip.UDP, False)


def test_ethernet_padding_is_not_part_of_the_packet() -> None:
    frame = MACS + IPV4 + packet4(b"datagram") + bytes(18)
    found = ip.locate(frame)
    assert found is not None
    assert found.end == 42


def test_ipv4_options_move_the_transport_header() -> None:
    frame = MACS + IPV4 + packet4(b"datagram", options=bytes(12))
    assert ip.locate(frame) == Headers(4, 14, 46, 54, ip.UDP, False)


@pytest.mark.parametrize(
    ("tags", "l3"), [(TAG, 18), (OUTER_TAG + TAG, 22), (TAG + TAG, 22)], ids=["one", "qinq", "two"]
)
def test_tags_are_skipped(tags: bytes, l3: int) -> None:
    found4 = ip.locate(MACS + tags + IPV4 + packet4(b"datagram"))
    assert found4 == Headers(4, l3, l3 + 20, l3 + 28, ip.UDP, False)
    found6 = ip.locate(MACS + tags + IPV6 + packet6(b"x"))
    assert found6 == Headers(6, l3, l3 + 40, l3 + 41, ip.TCP, False)


def test_three_tags_are_refused() -> None:
    assert ip.locate(MACS + TAG * 3 + IPV4 + packet4(b"datagram")) is None


@pytest.mark.parametrize(
    ("bits", "fragment"),
    [(0, False), (0x4000, False), (0x8000, False), (0x2000, True), (1, True), (0x3FFF, True)],
)
@pytest.mark.parametrize("options", [b"", bytes(4)], ids=["plain", "options"])
def test_ipv4_fragments_are_recognised(bits: int, fragment: bool, options: bytes) -> None:
    found = ip.locate(MACS + IPV4 + packet4(b"datagram", options, fragment=bits))
    assert found is not None
    assert found.fragment is fragment


@pytest.mark.parametrize("options", [b"", bytes(4)], ids=["plain", "options"])
@pytest.mark.parametrize("extra", [-9, 1, 100], ids=["into its header", "by one", "by many"])
def test_an_ipv4_packet_with_a_wrong_length_is_refused(options: bytes, extra: int) -> None:
    assert ip.locate(MACS + IPV4 + packet4(b"datagram", options, extra=extra)) is None


@pytest.mark.parametrize("first", [0x44, 0x40, 0x65, 0x55, 0x05])
def test_a_wrong_ipv4_version_or_header_length_is_refused(first: int) -> None:
    packet = packet4(b"datagram" * 3)
    assert ip.locate(MACS + IPV4 + bytes([first]) + packet[1:]) is None


def test_plain_ipv6() -> None:
    frame = MACS + IPV6 + packet6(b"segment") + bytes(3)
    assert ip.locate(frame) == Headers(6, 14, 54, 61, ip.TCP, False)


def test_a_wrong_ipv6_version_is_refused() -> None:
    packet = packet6(b"segment")
    assert ip.locate(MACS + IPV6 + b"\x45" + packet[1:]) is None


def test_every_known_extension_is_skipped() -> None:
    chain = extension(43) + extension(60, 24) + extension(44, 16) + fragment_header(6, 0)
    frame = MACS + IPV6 + packet6(chain + b"segment", protocol=0)
    assert ip.locate(frame) == Headers(6, 14, 54 + 56, len(frame), ip.TCP, False)


@pytest.mark.parametrize(
    ("position", "fragment"), [(0, False), (6, False), (1, True), (8, True), (0xFFF8, True)]
)
def test_ipv6_fragments_are_distinguished_from_atomic_ones(position: int, fragment: bool) -> None:
    frame = MACS + IPV6 + packet6(fragment_header(17, position) + b"data", protocol=44)
    assert ip.locate(frame) == Headers(6, 14, 62, 66, ip.UDP, fragment)


def test_an_extension_header_beyond_the_end_is_refused() -> None:
    assert ip.locate(MACS + IPV6 + packet6(extension(6, 16)[:8], protocol=0)) is None
    assert ip.locate(MACS + IPV6 + packet6(extension(6)[:7], protocol=60) + bytes(8)) is None


def test_a_truncated_fragment_header_is_refused() -> None:
    cut = fragment_header(17, 8)[:7]
    assert ip.locate(MACS + IPV6 + packet6(cut, protocol=44) + bytes(8)) is None


def test_eight_extension_headers_are_skipped_and_nine_are_refused() -> None:
    eight = extension(60) * 7 + extension(6)
    found = ip.locate(MACS + IPV6 + packet6(eight, protocol=60))
    assert found == Headers(6, 14, 118, 118, ip.TCP, False)
    assert ip.locate(MACS + IPV6 + packet6(extension(60) + eight, protocol=60)) is None


def test_other_ethertypes_are_not_ip() -> None:
    assert ip.locate(MACS + b"\x08\x06" + packet4(b"datagram")) is None
    assert ip.locate(MACS + TAG + b"\x08\x06" + packet4(b"datagram")) is None


@pytest.mark.parametrize("tags", [b"", TAG, OUTER_TAG + TAG], ids=["untagged", "one", "two"])
@pytest.mark.parametrize(
    "packet",
    [IPV4 + packet4(b"data"), IPV4 + packet4(b"data", bytes(8)), IPV6 + packet6(extension(6), 0)],
    ids=["ipv4", "options", "extension"],
)
def test_every_truncation_is_refused(tags: bytes, packet: bytes) -> None:
    frame = MACS + tags + packet
    assert ip.locate(frame) is not None
    assert [ip.locate(frame[:size]) for size in range(len(frame))] == [None] * len(frame)


def test_pseudo_header_sum_by_hand() -> None:
    frame4 = MACS + IPV4 + packet4(b"datagram")
    found = ip.locate(frame4)
    assert found is not None
    assert ip.pseudo_header_sum(frame4, found, 8) == 0x0A09 + 1 + 0x0A09 + 2 + 17 + 8
    frame6 = MACS + TAG + IPV6 + packet6(b"segment")
    found = ip.locate(frame6)
    assert found is not None
    total = 0xFD00 + 1 + 0xFD00 + 2 + 6 + 7
    assert ip.pseudo_header_sum(frame6, found, 7) == total - 0xFFFF


def test_pseudo_header_sum_is_never_zero() -> None:
    frame = bytearray(MACS + IPV4 + packet4(b"datagram"))
    found = ip.locate(frame)
    assert found is not None
    missing = 0xFFFF - ip.pseudo_header_sum(frame, found, 0)
    assert ip.pseudo_header_sum(frame, found, missing) == 0xFFFF
    assert ip.pseudo_header_sum(frame, found, missing + 1) == 1
