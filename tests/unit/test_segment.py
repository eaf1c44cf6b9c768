"""Segment a GSO frame; complete a partial checksum."""

import struct

import pytest

from tests.segmenting import segmented
from vtep.offload.segment import complete_checksum
from vtep.wire import virtio
from vtep.wire.virtio import VirtioHeader

PREFIX = b"8 octets"
PAYLOAD = bytes(range(100))
TCP_PAYLOAD_AT = 54
UDP_PAYLOAD_AT = 42


def frame4(transport: bytes, protocol: int, fragment: int = 0x4000) -> bytes:
    length = 20 + len(transport)
    packet = struct.pack(">BBHHHBBH", 0x45, 0, length, 7, fragment, 64, protocol, 0)
    return bytes(12) + b"\x08\x00" + packet + bytes.fromhex("0a0900010a090002") + transport


def tcp(flags: int = 0x10, words: int = 5, payload: bytes = PAYLOAD) -> bytes:
    header = struct.pack(">HHIIBBHHH", 80, 40000, 1000, 1, words << 4, flags, 500, 0, 0)
    return header + payload


TCP_FRAME = frame4(tcp(), 6)
UDP_FRAME = frame4(struct.pack(">HHHH", 53, 40000, 108, 0) + PAYLOAD, 17)
TCP4 = VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, TCP_PAYLOAD_AT, 40, 34, 16)
UDP4 = VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_UDP_L4, UDP_PAYLOAD_AT, 40, 34, 6)


def segments(frame: bytes, header: VirtioHeader, max_packet: int = 1450) -> list[bytearray] | None:
    return segmented(memoryview(frame), header, max_packet, PREFIX)


def payloads(rows: list[bytearray] | None, payload_at: int) -> list[bytes]:
    assert rows is not None
    return [bytes(row[len(PREFIX) + payload_at :]) for row in rows]


def test_a_tcp_gso_frame_becomes_segments_of_gso_size() -> None:
    rows = segments(TCP_FRAME, TCP4)
    assert payloads(rows, TCP_PAYLOAD_AT) == [PAYLOAD[:40], PAYLOAD[40:80], PAYLOAD[80:]]
    assert rows is not None
    assert {bytes(row[: len(PREFIX)]) for row in rows} == {PREFIX}


def test_tcp_segments_above_the_mtu_become_smaller() -> None:
    rows = segments(TCP_FRAME, TCP4, max_packet=40 + 33)
    assert [len(one) for one in payloads(rows, TCP_PAYLOAD_AT)] == [33, 33, 33, 1]
    assert rows is not None
    sequences = [struct.unpack_from(">I", row, len(PREFIX) + 38)[0] for row in rows]
    assert sequences == [1000, 1033, 1066, 1099]


def test_udp_datagrams_keep_their_boundaries_or_are_refused() -> None:
    assert [len(one) for one in payloads(segments(UDP_FRAME, UDP4, 68), UDP_PAYLOAD_AT)] == [
        40,
        40,
        20,
    ]
    assert segments(UDP_FRAME, UDP4, max_packet=67) is None


def test_a_gso_frame_of_one_segment_becomes_one_frame() -> None:
    assert payloads(segments(TCP_FRAME, TCP4._replace(gso_size=1000)), TCP_PAYLOAD_AT) == [PAYLOAD]
    assert payloads(segments(UDP_FRAME, UDP4._replace(gso_size=1000)), UDP_PAYLOAD_AT) == [PAYLOAD]


def test_cwr_is_set_in_the_first_segment_and_fin_and_psh_in_the_last() -> None:
    rows = segments(frame4(tcp(flags=0xD9), 6), TCP4)
    assert rows is not None
    assert [row[len(PREFIX) + 34 + 13] for row in rows] == [0xD0, 0x50, 0x59]


def test_ethernet_padding_is_not_payload() -> None:
    assert b"".join(payloads(segments(TCP_FRAME + bytes(9), TCP4), TCP_PAYLOAD_AT)) == PAYLOAD


def test_hdr_len_is_ignored() -> None:
    for hint in (0, len(TCP_FRAME), 0xFFFF):
        assert segments(TCP_FRAME, TCP4._replace(hdr_len=hint)) == segments(TCP_FRAME, TCP4)


def test_the_gso_frame_is_not_changed() -> None:
    before = bytes(TCP_FRAME)
    assert segmented(memoryview(TCP_FRAME).toreadonly(), TCP4, 1450, PREFIX) is not None
    assert before == TCP_FRAME


@pytest.mark.parametrize(
    "header",
    [
        TCP4._replace(gso_type=virtio.GSO_NONE),
        TCP4._replace(gso_type=virtio.GSO_TCPV6),
        TCP4._replace(gso_type=virtio.GSO_UDP_L4),
        TCP4._replace(gso_type=3),
        TCP4._replace(gso_type=virtio.GSO_TCPV4 | 0x20),
        TCP4._replace(gso_size=0),
        TCP4._replace(csum_start=14),
        TCP4._replace(csum_start=0xFFFF),
        TCP4._replace(csum_offset=6),
    ],
    ids=["none", "tcpv6", "udp", "ufo", "tunnel", "size 0", "start in IP", "outside", "offset"],
)
def test_a_virtio_header_that_does_not_fit_the_frame_is_refused(header: VirtioHeader) -> None:
    assert segments(TCP_FRAME, header) is None
    assert segments(TCP_FRAME, TCP4) is not None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        TCP_FRAME[:53],
        TCP_FRAME[:-1],
        frame4(tcp(words=4), 6),
        frame4(tcp(words=15, payload=bytes(39)), 6),
        frame4(tcp()[:19], 6),
        frame4(tcp(payload=b""), 6),
        frame4(tcp(), 6, fragment=0x2000),
        UDP_FRAME,
    ],
    ids=["empty", "header", "cut", "offset 4", "options", "short", "bare", "fragment", "udp"],
)
def test_a_frame_that_cannot_be_segmented_is_refused(frame: bytes) -> None:
    assert segments(frame, TCP4) is None


def test_a_truncated_udp_header_is_refused() -> None:
    assert segments(frame4(bytes(7), 17), UDP4) is None
    assert segments(frame4(bytes(9), 17), UDP4) is not None


@pytest.mark.parametrize("max_packet", [-1, 0, 39, 40])
def test_an_mtu_without_room_for_payload_is_refused(max_packet: int) -> None:
    assert segments(TCP_FRAME, TCP4, max_packet) is None
    assert segments(TCP_FRAME, TCP4, 41) is not None


def test_checksums_are_complete_with_and_without_needs_csum() -> None:
    partial = segments(TCP_FRAME, TCP4)
    assert partial == segments(TCP_FRAME, TCP4._replace(flags=0, csum_start=0, csum_offset=0))


def test_a_udp_checksum_of_zero_is_sent_as_ffff() -> None:
    header = UDP4._replace(gso_size=2)
    at = len(PREFIX) + 34 + 6
    plain = segments(UDP_FRAME[:16] + b"\0\x1e" + UDP_FRAME[18:42] + bytes(2), header)
    assert plain is not None
    # With its own checksum as payload, the checksum of the datagram becomes zero.
    payload = bytes(plain[0][at : at + 2])
    rows = segments(UDP_FRAME[:16] + b"\0\x1e" + UDP_FRAME[18:42] + payload, header)
    assert rows is not None
    assert rows[0][at : at + 2] == b"\xff\xff"


def test_completing_sums_from_csum_start_to_the_end() -> None:
    frame = bytearray(b"\xff" * 4 + bytes.fromhex("0001 f203 f4f5 f6f7 0000"))
    header = VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 4, 8)
    assert complete_checksum(memoryview(frame), header)
    assert frame[12:] == bytes.fromhex("220d")
    assert frame[:12] == b"\xff" * 4 + bytes.fromhex("0001 f203 f4f5 f6f7")


@pytest.mark.parametrize(("offset", "expected"), [(6, 0xFFFF), (16, 0)], ids=["udp", "tcp"])
def test_only_udp_replaces_a_checksum_of_zero(offset: int, expected: int) -> None:
    frame = bytearray(b"\xff\xff" + bytes(20))
    assert complete_checksum(memoryview(frame), VirtioHeader(1, 0, 0, 0, 0, offset))
    assert struct.unpack_from(">H", frame, offset) == (expected,)


@pytest.mark.parametrize(("start", "offset"), [(0, 9), (9, 0), (3, 6), (0xFFFF, 0xFFFF), (10, 0)])
def test_checksum_offsets_outside_the_frame_are_refused(start: int, offset: int) -> None:
    frame = bytearray(b"\x55" * 10)
    header = VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, start, offset)
    assert not complete_checksum(memoryview(frame), header)
    assert frame == b"\x55" * 10
    assert complete_checksum(memoryview(frame), header._replace(csum_start=0, csum_offset=8))
