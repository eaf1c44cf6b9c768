"""One to many, by the dozen: cut a run of equal-shaped super-frames with a few numpy calls.

A bulk flow reads as super-frames that differ in their payload and a few header fields only.  Those
of one shape (header lengths, segment size, payload length) in neighbouring slots are cut together:
each numpy call below works on all segments of all of them.  A numpy call costs microseconds in a
running process whatever it does, so calls are counted, and octets are not.

    slots  (slots, octets)        as read from the TAP, the VXLAN header put in front of the frame
    rows   (slots, rows, octets)  VXLAN header, inner headers, a slice of the payload; contiguous,
                                  so that one send with UDP_SEGMENT takes many, of one super-frame
                                  or of several

Every shape keeps its views of both arrays.  A short last segment is computed with zeros behind its
payload, which no sum notices, and only the send knows its length.  The octets that come out are
those of `segment.segment`, which is the reference.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vtep.offload.segment import Cut
from vtep.offload.sums import checksums, swapped
from vtep.wire import ip, vxlan
from vtep.wire.slot import Slots

MAX_SHAPES = 256
"""Most shapes whose views are kept; a bulk flow has one or two."""

_ROWS_LEN = 96 * 1024
"""Room for the rows of one super-frame: 64 KB of payload, and the headers of its segments."""

_MAX_DATAGRAMS = 65507
"""Most octets one send takes: an IPv4 packet less its headers, with UDP_SEGMENT too."""

_FIN_PSH, _CWR = 0x09, 0x80


class Shape:
    """What super-frames have in common that are cut together; one object for each, see Segmenter.

    Attributes:
        at: octet of the slot at which the frame starts.
        cut: how it is cut.
        rows: segments of each.
        row_len: octets of one datagram: VXLAN header, inner headers, a full segment.
        octets: of all datagrams of one super-frame.
        is_even: whether the last segment is as long as the others, so that the rows of the next
            super-frame may follow in one send.
        fits: whether slot and rows have room for it, the last row filled up.
    """

    __slots__ = ("at", "cut", "fits", "is_even", "octets", "row_len", "rows", "views")

    def __init__(self, slots: Slots, at: int, cut: Cut) -> None:
        self.at = at
        self.cut = cut
        self.rows = cut.rows
        self.row_len = vxlan.HEADER_LEN + cut.payload_at + cut.size
        filled = self.rows * cut.size
        self.octets = self.rows * self.row_len - (filled - cut.payload)
        self.is_even = filled == cut.payload
        in_slot = at + cut.payload_at + filled <= slots.octets.shape[1]
        self.fits = in_slot and self.rows * self.row_len <= _ROWS_LEN
        self.views: _Views | None = None


class Segmenter:
    """Rows for the super-frames of one set of slots, and the shapes met so far."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._rows = np.zeros(len(slots) * _ROWS_LEN, np.uint8)
        self._octets = self._rows.data
        self._shapes: dict[tuple[int, Cut], Shape] = {}

    # HOT PATH
    def shape(self, at: int, cut: Cut) -> Shape:
        """Return the Shape of super-frames that start at *at* of their slot and are cut so."""
        shape = self._shapes.get((at, cut))
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[at, cut] = Shape(self._slots, at, cut)
        return shape

    # HOT PATH
    def cut(self, first: int, count: int, shape: Shape) -> None:
        """Cut *count* super-frames from slot *first* on, all of *shape*, which `fits`.

        The VXLAN header stands in front of each frame; checksums are unfinished (NEEDS_CSUM).
        """
        if shape.views is None:
            shape.views = _Views(self._slots, self._rows, shape)
        shape.views.fill(first, count)

    # HOT PATH
    def datagrams(self, shape: Shape, first: int, count: int, most: int) -> list[memoryview]:
        """Return what the last `cut` made: the datagrams of *count* super-frames from *first* on.

        They are counted from the first one cut.  Each memoryview is for one send with row_len, has
        *most* rows at most, and all are as equal as can be.  *count* is 1 unless the shape
        `is_even`.  They are valid until the next cut.
        """
        row_len, octets = shape.row_len, self._octets
        rows = shape.rows * count
        start = first * shape.rows * row_len
        end = start + (rows * row_len if shape.is_even else shape.octets)
        most = min(most, _MAX_DATAGRAMS // row_len)
        if rows <= most:
            return [octets[start:end]]
        step = -(-rows // -(-rows // most)) * row_len
        return [octets[at : min(at + step, end)] for at in range(start, end, step)]


class _Views:
    """The fields of slots and rows for one Shape: arrays (slots, 1, ...) and (slots, rows, ...)."""

    def __init__(self, slots: Slots, rows: npt.NDArray[np.uint8], shape: Shape) -> None:
        at, cut = shape.at, shape.cut
        found, count, row_len = cut.headers, cut.rows, shape.row_len
        head = vxlan.HEADER_LEN + cut.payload_at
        l3, l4 = vxlan.HEADER_LEN + found.l3, vxlan.HEADER_LEN + found.l4

        def slot_view(offset: int, kind: str, *extent: tuple[int, int]) -> Any:
            return np.ndarray(
                (len(slots), *(length for length, _ in extent)),
                kind,
                slots.octets,
                at - vxlan.HEADER_LEN + offset,
                (slots.octets.strides[0], *(step for _, step in extent)),
            )

        def row_view(offset: int, kind: str, *extent: tuple[int, int]) -> Any:
            return np.ndarray(
                (len(slots), count, *(length for length, _ in extent)),
                kind,
                rows,
                offset,
                (count * row_len, row_len, *(step for _, step in extent)),
            )

        one = (1, 0)
        short = count * cut.size - cut.payload
        lengths = np.full(count, row_len, np.int64)
        lengths[-1] -= short

        self._heads = slot_view(0, "u1", one, (head, 1))
        self._row_heads = row_view(0, "u1", (head, 1))
        self._payloads = slot_view(head, "u1", (count, cut.size), (cut.size, 1))
        self._row_payloads = row_view(head, "u1", (cut.size, 1))
        self._pad = row_view(row_len - short, "u1", (short, 1))[:, -1] if short else None

        self._is_ipv4, self._is_tcp = found.version == 4, found.protocol == ip.TCP
        self._one_id, self._is_even = cut.one_id, not short
        ip_length_at = l3 + 2 if self._is_ipv4 else l3 + 4
        fixed = 0 if self._is_ipv4 else ip.IPV6_LEN
        self._ip_length = slot_view(ip_length_at, ">u2", one)
        self._row_ip_length = row_view(ip_length_at, ">u2")
        self._ip_lengths = (lengths - l3 - fixed).astype(">u2")
        if self._is_ipv4:
            self._ids = slot_view(l3 + 4, ">u2", one)
            self._row_ids = row_view(l3 + 4, ">u2")
            self._ip_checksum = slot_view(l3 + 10, "<u2", one)
            self._row_ip_checksum = row_view(l3 + 10, "<u2")
            # What a shorter packet adds to the checksum; another ID is subtracted.
            self._less = found.end - found.l3 - (lengths - l3)
            self._first_less, self._last_less = swapped(self._less[[0, -1]])
        self._steps = np.arange(count, dtype=np.uint16)

        if self._is_tcp:
            self._sequences = slot_view(l4 + 4, ">u4", one)
            self._row_sequences = row_view(l4 + 4, ">u4")
            self._offsets = np.arange(count, dtype=np.uint32) * np.uint32(cut.size)
            self._row_flags = row_view(l4 + 13, "u1")
            self._flags_kept = np.full(count, 0xFF & ~_FIN_PSH & ~_CWR, np.uint8)
            self._flags_kept[0] |= _CWR
            self._flags_kept[-1] |= _FIN_PSH
        else:
            self._row_udp_length = row_view(l4 + 4, ">u2")
            self._udp_lengths = (lengths - l4).astype(">u2")
        self._row_checksum = row_view(l4 + ip.CHECKSUM_AT[found.protocol], "<u2")
        self._row_words = row_view(l4, "<u2", ((row_len - l4) // 2, 2))
        self._odd = row_view(row_len - 1, "u1") if (row_len - l4) & 1 else None
        # The checksum field holds the pseudo-header sum for the whole length; add what is missing.
        self._lacking = swapped((lengths - l4 - (found.end - found.l4)) % 0xFFFF)

    # HOT PATH
    def fill(self, first: int, count: int) -> None:
        """Make the rows of *count* slots from *first* on; each line is one numpy call or two."""
        slots, rows = slice(first, first + count), slice(count)
        if self._one_id:
            self._ip_checksum[slots] = self._ip_checksums(slots, self._first_less)
            self._ip_length[slots] = self._ip_lengths[0]
        self._row_heads[rows] = self._heads[slots]
        self._row_payloads[rows] = self._payloads[slots]
        if self._pad is not None:
            self._pad[rows] = 0
        if not self._one_id:
            self._row_ip_length[rows] = self._ip_lengths
            if self._is_ipv4:
                ids = self._ids[slots] + self._steps
                self._row_ids[rows] = ids
                less = (self._less + self._ids[slots] - ids) % 0xFFFF
                self._row_ip_checksum[rows] = self._ip_checksums(slots, swapped(less))
        elif not self._is_even:
            self._row_ip_length[rows, -1] = self._ip_lengths[-1]
            # The slot's checksum is that of a full segment by now.
            less = self._last_less + np.uint32(0xFFFF) - self._first_less
            self._row_ip_checksum[rows, -1:] = self._ip_checksums(slots, less)
        if self._is_tcp:
            self._row_sequences[rows] = self._sequences[slots] + self._offsets
            self._row_flags[rows] &= self._flags_kept
        else:
            self._row_udp_length[rows] = self._udp_lengths
        sums = np.add.reduce(self._row_words[rows], axis=2, dtype=np.uint32)
        sums += self._lacking
        if self._odd is not None:
            sums += self._odd[rows]
        finished = checksums(sums)
        if not self._is_tcp:
            finished[finished == 0] = 0xFFFF  # 0 would say "none" (RFC 768)
        self._row_checksum[rows] = finished

    def _ip_checksums(self, slots: slice, less: Any) -> Any:
        """Return the header checksums of the super-frames in *slots*, *less* (swapped) added."""
        checksums_ = np.add(self._ip_checksum[slots], less, dtype=np.uint32)
        checksums_ %= np.uint32(0xFFFF)
        return checksums_
