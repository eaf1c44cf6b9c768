"""Segmentation keeps the whole payload, and every segment is a valid frame."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from tests.property.gso_frames import DrawnFrame, add_words, gso_frames, transport_sum
from tests.segmenting import segmented
from vtep.offload.segment import complete_checksum
from vtep.wire import ip, virtio
from vtep.wire.virtio import VirtioHeader

PREFIX = b"\x08\x00\x00\x00\x00\x00\x64\x00"
JUMBO = 65535


def segments(one: DrawnFrame, max_packet: int) -> list[bytes] | None:
    rows = segmented(memoryview(one.raw), one.header, max_packet, PREFIX)
    if rows is None:
        return None
    assert all(row.startswith(PREFIX) for row in rows)
    return [bytes(row[len(PREFIX) :]) for row in rows]


def largest_packet(one: DrawnFrame) -> int:
    """Return the smallest max_packet at which segments have gso_size octets of payload."""
    return one.overhead + min(one.header.gso_size, len(one.payload))


@given(gso_frames())
def test_the_payload_is_complete_and_in_segments_of_gso_size(one: DrawnFrame) -> None:
    rows = segments(one, largest_packet(one))
    assert rows is not None
    assert b"".join(row[one.payload_at :] for row in rows) == one.payload
    *full, last = [len(row) - one.payload_at for row in rows]
    assert set(full) <= {one.header.gso_size}
    assert 0 < last <= one.header.gso_size


@given(gso_frames(), st.integers(1, 1500))
def test_a_smaller_mtu_gives_smaller_tcp_segments_and_refuses_udp(
    one: DrawnFrame, room: int
) -> None:
    rows = segments(one, one.overhead + room)
    if one.protocol == ip.UDP and room < min(one.header.gso_size, len(one.payload)):
        assert rows is None
        return
    assert rows is not None
    assert b"".join(row[one.payload_at :] for row in rows) == one.payload
    sizes = [len(row) - one.payload_at for row in rows]
    assert max(sizes) == min(room, one.header.gso_size, len(one.payload))
    assert set(sizes[:-1]) <= {max(sizes)}


@given(gso_frames(), st.integers(0, 1500))
def test_every_segment_has_correct_lengths_and_checksums(one: DrawnFrame, fewer: int) -> None:
    room = max(largest_packet(one) - (fewer if one.protocol == ip.TCP else 0), one.overhead + 30)
    rows = segments(one, room)
    assert rows is not None
    for row in rows:
        if one.version == 4:
            (length,) = struct.unpack_from(">H", row, one.l3 + 2)
            assert one.l3 + length == len(row)
            header_len = (row[one.l3] & 0x0F) * 4
            assert add_words(row[one.l3 : one.l3 + header_len]) == 0xFFFF
        else:
            (length,) = struct.unpack_from(">H", row, one.l3 + 4)
            assert one.l3 + 40 + length == len(row)
        assert transport_sum(one.version, one.l3, one.l4, one.protocol, row) == 0xFFFF
        if one.protocol == ip.UDP:
            length, field = struct.unpack_from(">HH", row, one.l4 + 4)
            assert one.l4 + length == len(row)
            assert field != 0


@given(gso_frames())
def test_ids_and_sequence_numbers_increase_and_flags_are_set_once(
    one: DrawnFrame,
) -> None:
    rows = segments(one, JUMBO)
    assert rows is not None
    (first_id,) = struct.unpack_from(">H", one.raw, one.l3 + 4)
    (first_sequence,) = struct.unpack_from(">I", one.raw, one.l4 + 4)
    flags = one.raw[one.l4 + 13] if one.protocol == ip.TCP else 0
    for index, row in enumerate(rows):
        if one.version == 4:
            (one_id,) = struct.unpack_from(">H", row, one.l3 + 4)
            df = one.raw[one.l3 + 6] & 0x40
            assert one_id == (first_id if df else (first_id + index) % 0x10000)
        if one.protocol == ip.TCP:
            (sequence,) = struct.unpack_from(">I", row, one.l4 + 4)
            assert sequence == (first_sequence + index * one.header.gso_size) % 0x100000000
            first, last = index == 0, index == len(rows) - 1
            # Only CWR (except in the first) and FIN, PSH (except in the last) are cleared.
            kept = flags & (0xFF if first else 0x7F) & (0xFF if last else 0xF6)
            assert row[one.l4 + 13] == kept


@given(gso_frames())
def test_all_other_octets_are_those_of_the_gso_frame(one: DrawnFrame) -> None:
    rows = segments(one, JUMBO)
    assert rows is not None
    changed = {2, 3, 4, 5, 10, 11} if one.version == 4 else {4, 5}
    offsets = {one.l3 + at for at in changed}
    changed = {4, 5, 6, 7, 13, 16, 17} if one.protocol == ip.TCP else {4, 5, 6, 7}
    offsets |= {one.l4 + at for at in changed}
    same = [at for at in range(one.payload_at) if at not in offsets]
    for row in rows:
        assert [row[at] for at in same] == [one.raw[at] for at in same]


@given(gso_frames())
def test_scapy_agrees_with_length_and_checksum_of_a_segment(one: DrawnFrame) -> None:
    rows = segments(one, JUMBO)
    assert rows is not None
    for row in (rows[0], rows[-1]):
        assert row[one.l4 :] == transport_by_scapy(one, row)


def transport_by_scapy(one: DrawnFrame, row: bytes) -> bytes:
    """Return the transport header and payload of a row, lengths and checksum by scapy."""
    if one.version == 4:
        source, destination = row[one.l3 + 12 : one.l3 + 16], row[one.l3 + 16 : one.l3 + 20]
        network = IP(src=".".join(map(str, source)), dst=".".join(map(str, destination)))
    else:
        source, destination = row[one.l3 + 8 : one.l3 + 24], row[one.l3 + 24 : one.l3 + 40]
        network = IPv6(src=source.hex(":", 2), dst=destination.hex(":", 2))
    kind = TCP if one.protocol == ip.TCP else UDP
    transport = kind(row[one.l4 :])
    del transport.chksum
    if kind is UDP:
        del transport.len
    built = bytes(network / transport)
    return built[len(network) :]


@given(gso_frames())
def test_a_checksum_is_completed_as_scapy_computes_it(one: DrawnFrame) -> None:
    frame = bytearray(one.raw)
    header = VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, one.l4, one.header.csum_offset)
    assert complete_checksum(memoryview(frame), header)
    assert frame[one.l4 :] == transport_by_scapy(one, one.raw)
    assert frame[: one.l4] == one.raw[: one.l4]


@given(
    st.binary(max_size=200),
    st.builds(
        VirtioHeader,
        flags=st.integers(0, 255),
        gso_type=st.integers(0, 255),
        hdr_len=st.integers(0, 0xFFFF),
        gso_size=st.integers(0, 0xFFFF),
        csum_start=st.integers(0, 0xFFFF) | st.integers(0, 60),
        csum_offset=st.integers(0, 0xFFFF) | st.integers(0, 20),
    ),
    st.integers(-100, 2000),
)
def test_inconsistent_headers_are_refused_and_never_raise(
    raw: bytes, header: VirtioHeader, room: int
) -> None:
    frame = bytearray(raw)
    fits = header.csum_start + header.csum_offset + 2 <= len(frame)
    assert complete_checksum(memoryview(frame), header) == fits
    assert len(frame) == len(raw)
    if not fits:
        assert frame == raw
    for row in segmented(memoryview(raw), header, room, PREFIX) or []:
        assert len(row) - len(PREFIX) <= len(raw)


@given(gso_frames(), st.data())
def test_a_truncated_or_damaged_gso_frame_never_raises(
    one: DrawnFrame, data: st.DataObject
) -> None:
    frame = bytearray(one.raw)
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, one.payload_at - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(frame)))
    rows = segmented(memoryview(frame)[:kept], one.header, JUMBO, PREFIX)
    if rows is not None:
        assert sum(len(row) for row in rows) >= len(rows) * (len(PREFIX) + 34)
        assert segmented(memoryview(one.raw)[: one.payload_at], one.header, JUMBO, PREFIX) is None
