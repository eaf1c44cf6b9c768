"""One to many, by the dozen: cut a run of equal-shaped super-frames with a few numpy calls.

A bulk flow reads as super-frames that differ in their payload and a few header fields only.  Those
of one shape (header lengths, segment size, payload length) in neighbouring slots are cut together:
each numpy call below works on all segments of all of them.  A numpy call costs microseconds in a
running process whatever it does, so calls are counted, and octets are not.

    slots  (slots, octets)        as read from the TAP, the VXLAN header put in front of the frame
    rows   (slots, rows, octets)  VXLAN header, inner headers, a slice of the payload; contiguous,
                                  so that one send with UDP_SEGMENT takes many

Every shape keeps its views of both arrays.  A short last segment is computed with zeros behind its
payload, which no sum notices, and only the send knows its length.  The octets that come out are
those of `segment.segment`, which is the reference.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vtep.offload.segment import Cut
from vtep.offload.sums import pseudo_words
from vtep.wire import ip, vxlan
from vtep.wire.slot import SLOT_LEN, Slots

ROWS_LEN = 96 * 1024
"""Room for the rows of one super-frame: 64 KB of payload, and the headers of its segments."""

MAX_SHAPES = 256
"""Most shapes whose views are kept; a bulk flow has one or two."""

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
        fits: whether slot and rows have room for it, the last row filled up.
    """

    __slots__ = ("_runs", "at", "cut", "fits", "octets", "row_len", "rows", "views")

    def __init__(self, at: int, cut: Cut) -> None:
        self.at = at
        self.cut = cut
        self.rows = cut.rows
        self.row_len = vxlan.HEADER_LEN + cut.payload_at + cut.size
        filled = self.rows * cut.size
        self.octets = self.rows * self.row_len - (filled - cut.payload)
        in_slot = at + cut.payload_at + filled <= SLOT_LEN
        self.fits = in_slot and self.rows * self.row_len <= ROWS_LEN
        self.views: _Views | None = None
        self._runs: dict[int, list[slice]] = {}

    def runs(self, most: int) -> list[slice]:
        """Return the octets of each send, of *most* rows at most and as equal as can be."""
        runs = self._runs.get(most)
        if runs is None:
            sends = -(-self.rows // min(most, _MAX_DATAGRAMS // self.row_len))
            step = -(-self.rows // sends) * self.row_len
            runs = self._runs[most] = [
                slice(start, min(start + step, self.octets))
                for start in range(0, self.octets, step)
            ]
        return runs


class Segmenter:
    """Rows for the super-frames of one set of slots, and the shapes met so far."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._rows = np.zeros((len(slots), ROWS_LEN), np.uint8)
        self._octets = [row.data for row in self._rows]
        self._shapes: dict[tuple[int, Cut], Shape] = {}

    # HOT PATH
    def shape(self, at: int, cut: Cut) -> Shape:
        """Return the Shape of super-frames that start at *at* of their slot and are cut so."""
        shape = self._shapes.get((at, cut))
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[at, cut] = Shape(at, cut)
        return shape

    # HOT PATH
    def cut(self, first: int, last: int, shape: Shape) -> None:
        """Cut the super-frames in slots first..last, all of *shape*, which `fits`.

        The VXLAN header stands in front of each frame.
        """
        if shape.views is None:
            shape.views = _Views(self._slots, self._rows, shape)
        shape.views.fill(slice(first, last + 1))

    # HOT PATH
    def datagrams(self, slot: int, shape: Shape, most: int) -> list[memoryview]:
        """Return what `cut` made of *slot*: runs of rows, *most* in each, to send with row_len.

        They are valid until the next cut.
        """
        octets = self._octets[slot]
        return [octets[run] for run in shape.runs(most)]


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
                (rows.strides[0], row_len, *(step for _, step in extent)),
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
        ip_length_at = l3 + 2 if self._is_ipv4 else l3 + 4
        self._row_ip_length = row_view(ip_length_at, ">u2")
        self._ip_lengths = (lengths - l3 - (0 if self._is_ipv4 else ip.IPV6_LEN)).astype(">u2")
        if self._is_ipv4:
            self._ids = slot_view(l3 + 4, ">u2", one)
            self._row_ids = row_view(l3 + 4, ">u2")
            self._row_ip_checksum = row_view(l3 + 10, "<u2")
            self._row_ip_words = row_view(l3, "<u2", ((found.l4 - found.l3) // 2, 2))
            self._addresses = slot_view(l3 + 12, "<u2", one, (4, 2))
        else:
            self._addresses = slot_view(l3 + 8, "<u2", one, (16, 2))
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
        self._pseudo = pseudo_words(lengths - l4, found.protocol)

    # HOT PATH
    def fill(self, run: slice) -> None:
        """Make the rows of the slots in *run*; every line is one numpy call or two."""
        self._row_heads[run] = self._heads[run]
        self._row_payloads[run] = self._payloads[run]
        if self._pad is not None:
            self._pad[run] = 0
        self._row_ip_length[run] = self._ip_lengths
        if self._is_ipv4:
            self._row_ids[run] = self._ids[run] + self._steps
            self._row_ip_checksum[run] = 0
            sums = np.add.reduce(self._row_ip_words[run], axis=2, dtype=np.uint32)
            self._row_ip_checksum[run] = _checksums(sums)
        if self._is_tcp:
            self._row_sequences[run] = self._sequences[run] + self._offsets
            self._row_flags[run] &= self._flags_kept
        else:
            self._row_udp_length[run] = self._udp_lengths
        self._row_checksum[run] = 0
        sums = np.add.reduce(self._row_words[run], axis=2, dtype=np.uint32)
        sums += np.add.reduce(self._addresses[run], axis=2, dtype=np.uint32)
        sums += self._pseudo
        if self._odd is not None:
            sums += self._odd[run]
        checksums = _checksums(sums)
        if not self._is_tcp:
            checksums[checksums == 0] = 0xFFFF  # 0 would say "none" (RFC 768)
        self._row_checksum[run] = checksums


def _checksums(sums: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return the complement of the folded sums, none of which is 0, in place.

    A folded sum is 1..0xffff, which is one more than the remainder of one less.
    """
    sums -= np.uint32(1)
    sums %= np.uint32(0xFFFF)
    return np.subtract(np.uint32(0xFFFE), sums, out=sums)
