"""Segment one GSO frame and complete partial checksums: the readable reference.

A TAP reader that accepts offloads (TUNSETOFFLOAD) gets frames with a partial TCP or UDP checksum,
and GSO frames that stand for many packets. This module finishes them one at a time, with the
semantics of the kernel's software path (net/core/dev.c skb_checksum_help, net/ipv4/tcp_offload.c,
net/ipv4/udp_offload.c). Property tests compare segment_batch.py with it.
"""

import struct
from typing import NamedTuple

from vtep.wire import ip, virtio
from vtep.wire.buffer import Readable
from vtep.wire.checksum import complement, ones_sum
from vtep.wire.ip import Headers
from vtep.wire.virtio import VirtioHeader

_DF = 0x40
_TCP_FLAGS_AT = 13
_FIN = 0x01
_PSH = 0x08
_CWR = 0x80

_WORD = struct.Struct(">H")
_word_at = _WORD.unpack_from
_put_word = _WORD.pack_into
_UDP_CHECKSUM_AT = ip.CHECKSUM_AT[ip.UDP]
_LONG = struct.Struct(">I")

_TYPES = {
    (virtio.GSO_TCPV4, 4, ip.TCP),
    (virtio.GSO_TCPV6, 6, ip.TCP),
    (virtio.GSO_UDP_L4, 4, ip.UDP),
    (virtio.GSO_UDP_L4, 6, ip.UDP),
}


def complete_checksum(frame: memoryview, header: VirtioHeader) -> bool:
    """Complete the partial checksum of a frame marked NEEDS_CSUM, in place.

    The field at csum_start + csum_offset holds the pseudo-header sum. Everything from csum_start to
    the end of the frame is summed, the field included.

    Returns:
        False, and the frame unchanged, when the offsets point outside of it.
    """
    start = header.csum_start
    field = start + header.csum_offset
    if field + 2 > len(frame):
        return False
    store_checksum(frame, start, field, len(frame))
    return True


def store_checksum(octets: memoryview, start: int, field: int, end: int) -> None:
    """Complete the partial checksum of octets[start:end], in place.

    A UDP checksum of 0 is sent as 0xffff, because 0 means "no checksum" (RFC 768).

    Args:
        octets: changed at `field` only.
        start: octet from which is summed.
        field: octet at which the checksum is stored, big-endian; it holds the pseudo-header sum.
        end: octet at which the frame ends.
    """
    result = complement(ones_sum(octets[start:end]))
    if result == 0 and field - start == _UDP_CHECKSUM_AT:
        result = 0xFFFF
    _put_word(octets, field, result)


class SegmentLayout(NamedTuple):
    """How GSO frames with the same headers and segment size are segmented, whatever their length.

    Attributes:
        version: of IP, 4 or 6.
        protocol: TCP or UDP.
        l3, l4: where the IP and the transport header begin, in octets from the start of the frame.
        payload_at: where the payload begins.
        size: octets of payload in a full segment; the last one may be shorter.
        one_id: all segments keep the IPv4 ID of the GSO frame. With DF set it has no meaning
            (RFC 6864 section 4.1), so all full segments have the same IP header.
    """

    version: int
    protocol: int
    l3: int
    l4: int
    payload_at: int
    size: int
    one_id: bool

    def segments(self, end: int) -> int:
        """Return the number of segments of a frame whose packet ends at *end*."""
        return -(-(end - self.payload_at) // self.size)


def plan_segments(
    frame: Readable, header: VirtioHeader, max_packet: int
) -> tuple[SegmentLayout, int] | None:
    """Plan the segmentation of a TCP or UDP GSO frame.

    Args:
        frame: the GSO frame as read from a TAP, from its destination MAC on.
        header: its virtio header. `hdr_len` and GSO_ECN are not used.
        max_packet: the largest IP packet in octets that may come out. TCP segments become smaller
            than gso_size where they have to: the sender may have agreed on an MSS before the tunnel
            existed. UDP datagrams keep their boundaries.

    Returns:
        The layout, and where the packet ends in the frame. None when header and frame contradict
        each other (other IP version or protocol, another checksum field, a fragment, headers cut
        short, no payload, gso_size 0) or when a segment cannot fit into `max_packet`.
    """
    found = ip.locate(frame)
    kind = header.gso_type & ~virtio.GSO_ECN
    if found is None or found.fragment or (kind, found.version, found.protocol) not in _TYPES:
        return None
    checksum = (header.csum_start, header.csum_offset)
    if header.flags & virtio.NEEDS_CSUM and checksum != (found.l4, ip.CHECKSUM_AT[found.protocol]):
        return None
    payload_at = _payload_at(frame, found)
    if payload_at is None or payload_at >= found.end:
        return None
    size = header.gso_size
    room = max_packet - (payload_at - found.l3)
    if kind != virtio.GSO_UDP_L4:
        size = min(size, room)
    if size <= 0 or min(size, found.end - payload_at) > room:
        return None
    version, l3, l4, end, protocol, _ = found
    one_id = version == 4 and bool(frame[l3 + 6] & _DF)
    return SegmentLayout(version, protocol, l3, l4, payload_at, size, one_id), end


def segment(frame: memoryview, layout: SegmentLayout, prefix: bytes) -> list[bytearray]:
    """Segment a GSO frame into finished frames; it is only read.

    Args:
        frame: the GSO frame, up to the end of its packet.
        layout: as `plan_segments` returned it.
        prefix: what precedes each frame (the VXLAN header).

    Returns:
        New buffers, each `prefix` and one frame, in the order of the payload; VLAN tags and options
        are copied. IP lengths, IPv4 IDs (counting up, or the same with DF), TCP sequence numbers,
        UDP lengths and TCP or UDP checksums are final. CWR is on the first segment only, FIN and
        PSH on the last only. A wrong IPv4 header checksum stays wrong.
    """
    payload = frame[layout.payload_at :]
    template = bytes(prefix) + bytes(frame[: layout.payload_at])
    rows = [
        bytearray(template + payload[start : start + layout.size])
        for start in range(0, len(payload), layout.size)
    ]
    _patch_ip(rows, len(prefix), layout)
    if layout.protocol == ip.TCP:
        _patch_tcp(rows, len(prefix) + layout.l4, layout.size)
    else:
        _patch_udp(rows, len(prefix) + layout.l4)
    _patch_checksums(rows, len(prefix), layout)
    return rows


def _payload_at(frame: Readable, found: Headers) -> int | None:
    """Return where the transport header says the payload begins; None if it is cut short."""
    l4, end = found.l4, found.end
    if found.protocol == ip.UDP:
        return l4 + ip.UDP_LEN if l4 + ip.UDP_LEN <= end else None
    if l4 + ip.TCP_LEN > end:
        return None
    length = (frame[l4 + 12] >> 4) * 4
    return l4 + length if length >= ip.TCP_LEN and l4 + length <= end else None


def _patch_ip(rows: list[bytearray], at: int, layout: SegmentLayout) -> None:
    """Set the IP length and, for IPv4, the ID and the header checksum of each row.

    The checksum of the GSO frame is updated, not computed again (RFC 1624). The complement of a
    folded sum is 0..0xfffe, a remainder modulo 0xffff.
    """
    l3 = at + layout.l3
    id_step = 0 if layout.one_id else 1
    if layout.version == 6:
        for row in rows:
            _put_word(row, l3 + 4, len(row) - l3 - ip.IPV6_LEN)
        return
    (length,) = _word_at(rows[0], l3 + 2)
    (identification,) = _word_at(rows[0], l3 + 4)
    (checksum,) = _word_at(rows[0], l3 + 10)
    for index, row in enumerate(rows):
        own_length, own_id = len(row) - l3, (identification + index * id_step) & 0xFFFF
        _put_word(row, l3 + 2, own_length)
        _put_word(row, l3 + 4, own_id)
        changed = length - own_length + identification - own_id
        _put_word(row, l3 + 10, (checksum + changed) % 0xFFFF)


def _patch_tcp(rows: list[bytearray], l4: int, size: int) -> None:
    """Advance the sequence number by `size` per row; keep each flag only where it belongs."""
    (sequence,) = _LONG.unpack_from(rows[0], l4 + 4)
    flags = rows[0][l4 + _TCP_FLAGS_AT]
    last = len(rows) - 1
    for index, row in enumerate(rows):
        _LONG.pack_into(row, l4 + 4, (sequence + index * size) & 0xFFFFFFFF)
        absent = (0 if index == 0 else _CWR) | (0 if index == last else _FIN | _PSH)
        row[l4 + _TCP_FLAGS_AT] = flags & ~absent


def _patch_udp(rows: list[bytearray], l4: int) -> None:
    """Set the UDP length of each row."""
    for row in rows:
        _put_word(row, l4 + 4, len(row) - l4)


def _patch_checksums(rows: list[bytearray], at: int, layout: SegmentLayout) -> None:
    """Compute the TCP or UDP checksum of each row, after all its other fields."""
    l4 = at + layout.l4
    udp = layout.protocol == ip.UDP
    field = l4 + ip.CHECKSUM_AT[layout.protocol]
    # Only the length differs between the pseudo headers of the rows.
    headers = Headers(layout.version, layout.l3, layout.l4, 0, layout.protocol, False)
    addresses = ip.pseudo_header_sum(memoryview(rows[0])[at:], headers, 0)
    for row in rows:
        _put_word(row, field, 0)
        total = ones_sum(memoryview(row)[l4:]) + addresses + len(row) - l4
        result = complement(total % 0xFFFF or 0xFFFF)
        _put_word(row, field, 0xFFFF if udp and result == 0 else result)
