"""Join segments of one inner flow, found by rows.py, into one GSO frame for the TAP.

The conditions are those of the kernel's receive offload (net/ipv4/tcp_offload.c tcp_gro_receive,
net/ipv4/udp_offload.c), with one more: IPv4 must have DF set, so that the IDs have no meaning (RFC
6864). Frames that do not qualify are delivered one by one.
"""

import struct

from vtep.offload.rows import RowLayout, RowViews
from vtep.wire import ip, virtio, vxlan
from vtep.wire.buffer import Readable
from vtep.wire.checksum import ones_sum

_ACK, _PSH = 0x10, 0x08
_DF = 0x40

_WORD = struct.Struct(">H")
_word_at, _put_word = _WORD.unpack_from, _WORD.pack_into
_long_at = struct.Struct(">I").unpack_from


def layout_of(frame: memoryview, size: int) -> RowLayout | None:
    """Return the layout of datagrams like the one that holds *frame*, if they can be joined.

    Args:
        frame: one whole frame.
        size: octets of its datagram, VXLAN header and frame.
    """
    headers = ip.locate(frame)
    if headers is None or headers.fragment or headers.end != len(frame):
        return None
    version, l3, l4, end, protocol, _ = headers
    if version == 4 and not frame[l3 + 6] & _DF:
        return None
    if protocol == ip.UDP:
        payload_at = l4 + ip.UDP_LEN
        if payload_at >= end or _word_at(frame, l4 + 4)[0] != end - l4:
            return None
    elif protocol == ip.TCP and l4 + ip.TCP_LEN <= end:
        payload_at = l4 + (frame[l4 + 12] >> 4) * 4
        if frame[l4 + 13] & ~_PSH != _ACK or not l4 + ip.TCP_LEN <= payload_at < end:
            return None
    else:
        return None
    return RowLayout(size, version, protocol, l3, l4, payload_at)


class GroPacket:
    """A GSO frame under construction: segments of one flow that continue one another.

    Args:
        rows: views of the first segments.
        octets: the slot of the first segment.
        at: where its VXLAN header is there.
        addresses: the ones' complement sum of its IP addresses.

    Attributes:
        is_open: whether more segments may follow.
    """

    __slots__ = (
        *("_addresses", "_at", "_count", "_layout", "_octets", "_parts", "_payload"),
        *("_push", "_rows", "is_open"),
    )

    def __init__(self, rows: RowViews, octets: memoryview, at: int, addresses: int) -> None:
        self._rows = rows
        self._layout = rows.layout
        self._octets = octets
        self._at = at
        self._addresses = addresses
        self._parts: list[memoryview] = []
        self._payload = 0
        self._count = 0
        self._push = 0
        self.is_open = True

    def room(self, rows: RowViews, octets: memoryview, at: int) -> int:
        """Return how many rows may be appended, from the one with its VXLAN header at *at*.

        0 if that row does not continue the packet. The caller verifies its checksum.
        """
        if not self.is_open or rows.layout != self._layout or not self._continues(octets, at):
            return 0
        return self._rows.max_segments - self._count

    def append(self, payloads: list[memoryview], octets: memoryview, at: int) -> None:
        """Append full segments, at most as many as `room` returned.

        Args:
            payloads: of one or more rows.
            octets: the slot of the last one.
            at: where its VXLAN header is there.
        """
        rows = self._rows
        count = len(payloads)
        self._parts += payloads
        self._payload += count * rows.segment
        self._count += count
        if rows.is_tcp and octets[at + vxlan.HEADER_LEN + self._layout.l4 + 13] & _PSH:
            self._push = _PSH  # the kernel delivers a pushed segment immediately, too
            self.is_open = False

    def append_last(self, octets: memoryview, at: int, end: int) -> bool:
        """Append a shorter segment, which ends the packet; return whether it belongs there.

        Args:
            octets: holds its datagram at octets[at:end].
            at: where the VXLAN header begins.
            end: where the frame ends.
        """
        first = self._layout
        if not self.is_open or end - at >= first.size or self._count == self._rows.max_segments:
            return False
        frame = octets[at + vxlan.HEADER_LEN : end]
        layout = layout_of(frame, end - at)
        if (
            layout is None
            or layout[1:] != first[1:]
            or not self._continues(octets, at)
            or not self._is_right(frame, layout)
        ):
            return False
        self._parts.append(frame[layout.payload_at :])
        self._payload += layout.segment
        self._count += 1
        self.is_open = False
        if first.protocol == ip.TCP:
            self._push = frame[first.l4 + 13] & _PSH
        return True

    def finish(self) -> tuple[virtio.VirtioHeader, Readable, list[memoryview]]:
        """Return the GSO frame: its virtio header, its frame headers, its payload in parts.

        The headers are a copy, the payload stays in the slots. A single segment stays unchanged.
        """
        _, version, protocol, l3, l4, payload_at = self._layout
        at = self._at + vxlan.HEADER_LEN
        own = self._octets[at : at + payload_at]
        if self._count == 1:
            return virtio.PLAIN, own, self._parts
        headers = bytearray(own)
        length = payload_at - l3 + self._payload
        if version == 4:
            # RFC 1624: the complement of a folded sum is 0..0xfffe, a remainder modulo 0xffff.
            less = _word_at(headers, l3 + 2)[0] - length
            _put_word(headers, l3 + 10, (_word_at(headers, l3 + 10)[0] + less) % 0xFFFF)
            _put_word(headers, l3 + 2, length)
        else:
            _put_word(headers, l3 + 4, length - ip.IPV6_LEN)
        length -= l4 - l3
        if protocol == ip.TCP:
            headers[l4 + 13] |= self._push
        else:
            _put_word(headers, l4 + 4, length)
        partial = (self._addresses + protocol + length - 1) % 0xFFFF + 1
        _put_word(headers, l4 + ip.CHECKSUM_AT[protocol], partial)
        return self._rows.virtio_header, headers, self._parts

    def _is_right(self, frame: memoryview, layout: RowLayout) -> bool:
        """Tell whether a shorter frame has valid checksums."""
        l3, l4 = layout.l3, layout.l4
        if layout.version == 4 and ones_sum(frame[l3:l4]) != 0xFFFF:
            return False
        if layout.protocol == ip.UDP and not _word_at(frame, l4 + 6)[0]:
            return False
        pseudo = self._addresses + layout.protocol + len(frame) - l4
        return (ones_sum(frame[l4:]) + pseudo) % 0xFFFF == 0

    def _continues(self, octets: memoryview, at: int) -> bool:
        """Tell whether the row at *at* has the headers and the sequence number that come next."""
        own, rows = self._octets, self._rows
        head = rows.head_len
        here = int.from_bytes(octets[at : at + head], "big")
        there = int.from_bytes(own[self._at : self._at + head], "big")
        if (here ^ there) & rows.head_mask:
            return False
        if not rows.is_tcp:
            return True
        sequence_at = vxlan.HEADER_LEN + self._layout.l4 + 4
        distance: int = _long_at(octets, at + sequence_at)[0]
        distance -= _long_at(own, self._at + sequence_at)[0]
        return distance & 0xFFFFFFFF == self._payload
