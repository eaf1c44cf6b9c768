"""One to many: finish what a TAP's virtio header leaves undone, one frame at a time.

The kernel hands a TAP reader that accepts offloads (TUNSETOFFLOAD) frames whose TCP or UDP
checksum is only begun, and super-frames that stand for many packets. This is the plain form of
finishing them, with the meaning of the kernel's own software path (net/core/dev.c
skb_checksum_help, net/ipv4/tcp_offload.c, net/ipv4/udp_offload.c): readable, and what a faster form
is held to.
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
_LONG = struct.Struct(">I")

_TYPES = {
    (virtio.GSO_TCPV4, 4, ip.TCP),
    (virtio.GSO_TCPV6, 6, ip.TCP),
    (virtio.GSO_UDP_L4, 4, ip.UDP),
    (virtio.GSO_UDP_L4, 6, ip.UDP),
}


def complete_checksum(frame: memoryview, header: VirtioHeader) -> bool:
    """Finish the checksum of a frame marked NEEDS_CSUM, in place.

    The field at csum_start + csum_offset holds the pseudo-header sum; everything from csum_start to
    the end of the frame is summed, the field with it. A UDP checksum of 0 is sent as 0xffff, for 0
    says "none" (RFC 768).

    Returns:
        False, and the frame untouched, when the offsets point outside of it.
    """
    start = header.csum_start
    field = start + header.csum_offset
    if field + 2 > len(frame):
        return False
    result = complement(ones_sum(frame[start:]))
    if result == 0 and header.csum_offset == ip.CHECKSUM_AT[ip.UDP]:
        result = 0xFFFF
    _put_word(frame, field, result)
    return True


class Cut(NamedTuple):
    """How a super-frame is cut.

    Attributes:
        headers: where they stand.
        payload_at: where the payload starts.
        size: octets of it in a segment.
        one_id: whether all segments have the IPv4 ID of the super-frame: with DF set it says
            nothing (RFC 6864 section 4.1), and all their IP headers are the same.
    """

    headers: Headers
    payload_at: int
    size: int
    one_id: bool

    @property
    def payload(self) -> int:
        """Octets of payload in all."""
        return self.headers.end - self.payload_at

    @property
    def rows(self) -> int:
        """Segments, the last of which may be short."""
        return -(-self.payload // self.size)


def plan(frame: Readable, header: VirtioHeader, max_packet: int) -> Cut | None:
    """Return where to cut a TCP or UDP super-frame.

    Args:
        frame: the super-frame as read from a TAP, from its destination MAC on.
        header: its virtio header. `hdr_len` is not used, GSO_ECN says nothing new.
        max_packet: the largest IP packet in octets that may come out. TCP is cut finer than
            gso_size where that does not fit: its sender may have agreed on an MSS before the tunnel
            was there. UDP datagrams have boundaries that mean something and are not.

    Returns:
        None when header and frame contradict each other (other IP version or protocol, checksum
        elsewhere, a fragment, headers cut short, no payload, gso_size 0) and when what has to go
        into one packet is larger than `max_packet`.
    """
    found = ip.locate(frame)
    kind = header.gso_type & ~virtio.GSO_ECN
    if found is None or found.fragment or (kind, found.version, found.protocol) not in _TYPES:
        return None
    checksum = (header.csum_start, header.csum_offset)
    if header.flags & virtio.NEEDS_CSUM and checksum != (found.l4, ip.CHECKSUM_AT[found.protocol]):
        return None
    payload_at = _payload_at(frame, found)
    if payload_at is None:
        return None
    size = min(header.gso_size, found.end - payload_at)
    room = max_packet - (payload_at - found.l3)
    if kind != virtio.GSO_UDP_L4:
        size = min(size, room)
    if size <= 0 or size > room:
        return None
    one_id = found.version == 4 and bool(frame[found.l3 + 6] & _DF)
    return Cut(found, payload_at, size, one_id)


def segment(frame: memoryview, cut: Cut, prefix: bytes) -> list[bytearray]:
    """Cut a super-frame into finished frames; it is only read.

    Returns:
        New buffers, each `prefix` (the VXLAN header) and one frame, in the order of the payload,
        VLAN tags and options as they were. IP lengths, IPv4 IDs (counting up, or the same with DF),
        TCP sequence numbers, UDP lengths and TCP or UDP checksums are final; CWR is on the first
        only, FIN and PSH are on the last only. An IPv4 header checksum is as right as it was.
    """
    found, payload_at, size, one_id = cut
    payload = frame[payload_at : found.end]
    template = bytes(prefix) + bytes(frame[:payload_at])
    rows = [
        bytearray(template + payload[start : start + size])
        for start in range(0, len(payload), size)
    ]
    _patch_ip(rows, len(prefix), found, 0 if one_id else 1)
    if found.protocol == ip.TCP:
        _patch_tcp(rows, len(prefix) + found.l4, size)
    else:
        _patch_udp(rows, len(prefix) + found.l4)
    _patch_checksums(rows, len(prefix), found)
    return rows


def _payload_at(frame: Readable, found: Headers) -> int | None:
    """Return where the payload starts by the transport header itself; None if that is cut short."""
    l4, end = found.l4, found.end
    if found.protocol == ip.UDP:
        return l4 + ip.UDP_LEN if l4 + ip.UDP_LEN <= end else None
    if l4 + ip.TCP_LEN > end:
        return None
    length = (frame[l4 + 12] >> 4) * 4
    return l4 + length if length >= ip.TCP_LEN and l4 + length <= end else None


def _patch_ip(rows: list[bytearray], at: int, found: Headers, id_step: int) -> None:
    """Give each row its IP length and, for IPv4, its ID and header checksum.

    The checksum is that of the super-frame, less what changed (RFC 1624): modulo 65535, of which
    the complement of a folded sum is never a multiple but 0.
    """
    l3 = at + found.l3
    if found.version == 6:
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
    """Count the sequence number up by `size` per row and leave each flag where it belongs."""
    (sequence,) = _LONG.unpack_from(rows[0], l4 + 4)
    flags = rows[0][l4 + _TCP_FLAGS_AT]
    last = len(rows) - 1
    for index, row in enumerate(rows):
        _LONG.pack_into(row, l4 + 4, (sequence + index * size) & 0xFFFFFFFF)
        absent = (0 if index == 0 else _CWR) | (0 if index == last else _FIN | _PSH)
        row[l4 + _TCP_FLAGS_AT] = flags & ~absent


def _patch_udp(rows: list[bytearray], l4: int) -> None:
    """Give each row its UDP length."""
    for row in rows:
        _put_word(row, l4 + 4, len(row) - l4)


def _patch_checksums(rows: list[bytearray], at: int, found: Headers) -> None:
    """Finish the TCP or UDP checksum of each row, whose other fields are final already."""
    l4 = at + found.l4
    udp = found.protocol == ip.UDP
    field = l4 + ip.CHECKSUM_AT[found.protocol]
    # The pseudo header is the same for all rows but for the length.
    addresses = ip.pseudo_header_sum(memoryview(rows[0])[at:], found, 0)
    for row in rows:
        _put_word(row, field, 0)
        total = ones_sum(memoryview(row)[l4:]) + addresses + len(row) - l4
        result = complement(total % 0xFFFF or 0xFFFF)
        _put_word(row, field, 0xFFFF if udp and result == 0 else result)
