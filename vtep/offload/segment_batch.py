"""Segment a run of GSO frames with a few numpy calls, whatever their lengths.

The GSO frames of bulk flows differ in payload and in a few header fields. A *run* is frames in
neighbouring slots with one SegmentTemplate: the same header layout and segment size, of any flow
and any length. Each numpy call below works on all segments of the run. A numpy call costs
microseconds in a running process regardless of its data, so this code minimises calls, not octets.

    slots  (slots, octets)  as read from the TAP, the VXLAN header in front of the frame
    rows   (rows, octets)   VXLAN header, inner headers, a slice of the payload; contiguous, so one
                            send with UDP_SEGMENT takes many, of one GSO frame or of several

A short last segment is computed with zeros behind its payload, which do not change a sum; only the
send knows its length. The result equals `segment.segment`, which is the reference.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from vtep.bounded_cache import BoundedCache
from vtep.offload.segment import SegmentLayout
from vtep.offload.sums import checksums, swapped
from vtep.wire import ip, vxlan
from vtep.wire.slot import SlotArray

MAX_TEMPLATES = 64
"""Most templates whose views are kept (about 5 KB each); a bulk flow has one or two."""

_MAX_PLANS = 64
"""Most row plans kept: a bulk flow repeats a few."""

_ROWS_LEN = 96 * 1024
"""Room for the rows of one GSO frame: 64 KB of payload, and the headers of its segments."""

_MAX_DATAGRAMS = 65507
"""Most octets in one send: an IPv4 packet without its headers, with UDP_SEGMENT too."""

_FIN_PSH, _CWR = 0x09, 0x80


class SegmentTemplate:
    """How GSO frames are segmented that begin at the same octet of a slot with one layout.

    Attributes:
        at: octet of the slot at which the frame begins.
        layout: of its headers.
        row_len: octets of a full datagram: VXLAN header, inner headers, a full segment.
        max_payload: octets of payload for which slot and rows have room.
    """

    __slots__ = ("at", "layout", "max_payload", "row_len")

    def __init__(self, slot_len: int, at: int, layout: SegmentLayout) -> None:
        self.at = at
        self.layout = layout
        self.row_len = vxlan.HEADER_LEN + layout.payload_at + layout.size
        in_slot = (slot_len - at - layout.payload_at) // layout.size
        self.max_payload = min(in_slot, _ROWS_LEN // self.row_len) * layout.size


class Segmenter:
    """Segments GSO frames in one array of slots.

    Args:
        slots: where the frames are.
    """

    def __init__(self, slots: SlotArray) -> None:
        self._slots = slots
        self._rows = np.zeros(len(slots) * _ROWS_LEN, np.uint8)
        self._octets = self._rows.data
        self._templates: BoundedCache[tuple[int, SegmentLayout], SegmentTemplate]
        self._templates = BoundedCache(MAX_TEMPLATES)
        # The views belong here and not to the templates, which flow cache entries keep alive.
        self._views: BoundedCache[SegmentTemplate, _Views] = BoundedCache(MAX_TEMPLATES)
        self._plans: BoundedCache[tuple[SegmentTemplate, tuple[int, ...]], RowPlan]
        self._plans = BoundedCache(_MAX_PLANS)

    def template(self, at: int, layout: SegmentLayout) -> SegmentTemplate:
        """Return the template of GSO frames that begin at octet *at* of their slot."""
        key = at, layout
        template = self._templates.get(key)
        if template is None:
            template = SegmentTemplate(self._slots.octets.shape[1], at, layout)
            self._templates.put(key, template)
        return template

    def segment(self, first: int, payloads: Sequence[int], template: SegmentTemplate) -> "RowPlan":
        """Segment the GSO frames in the slots from *first* on, and return where their rows are.

        The VXLAN header is in front of each frame, checksums are partial (NEEDS_CSUM). The rows
        stay valid until the next call.

        Args:
            first: the number of the first slot.
            payloads: octets of payload of each frame, 1 to the template's max_payload.
            template: of all frames.
        """
        key = template, tuple(payloads)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans.put(key, RowPlan(template, key[1]))
        views = self._views.get(template)
        if views is None:
            views = self._views.put(template, _Views(self._slots, self._rows, template))
        views.fill(first, plan)
        return plan

    def datagrams(self, plan: "RowPlan", start: int, stop: int, most: int) -> list[memoryview]:
        """Return the datagrams of frames start..stop-1 of the run that was segmented last.

        All of them except the last must be even (`RowPlan.is_even`).

        Args:
            plan: as `segment` returned it.
            start: the first frame.
            stop: the frame after the last one.
            most: most datagrams of one send.

        Returns:
            Memoryviews for one send each with the template's row_len, as equal as possible.
        """
        row_len, octets = plan.template.row_len, self._octets
        begin = plan.starts[start] * row_len
        end = plan.starts[stop] * row_len - plan.shorts[stop - 1]
        rows = plan.starts[stop] - plan.starts[start]
        most = min(most, _MAX_DATAGRAMS // row_len)
        if rows <= most:
            return [octets[begin:end]]
        step = -(-rows // -(-rows // most)) * row_len
        return [octets[at : min(at + step, end)] for at in range(begin, end, step)]


class RowPlan:
    """The rows of one run: which frame each row belongs to, and what differs between rows.

    Args:
        template: of all frames of the run.
        payloads: octets of payload of each frame.

    Attributes:
        template: as given.
        starts: the first row of each frame, and the number of rows at the end.
        shorts: octets that the last row of each frame lacks.
        count: frames of the run.
        equal_rows: rows of every frame, if all have the same number; else 0.
        frame_of_row: (rows,) the frame that each row belongs to.
        offsets: (rows,) octets of payload before each row.
        steps: (rows,) rows of the same frame before each row.
        flags_kept: (rows,) TCP flags that each row keeps.
        lacking: (rows,) what is added to the sum of a row: lengths of the pseudo header.
        ip_lengths: (rows,) IP length field, big-endian.
        udp_lengths: (rows,) UDP length field, big-endian.
        ip_excess: (frames,) packet length of the GSO frame minus that of a full segment.
        full_excess: the same as a term of the IPv4 header checksum.
        last_rows: the rows that are short; None if there are none.
        last_shorts: octets that these lack.
        last_excess: the same as a term of the IPv4 header checksum.
    """

    __slots__ = (
        *("count", "equal_rows", "flags_kept", "frame_of_row", "full_excess", "ip_excess"),
        *("ip_lengths", "lacking", "last_excess", "last_rows", "last_shorts", "offsets"),
        *("shorts", "starts", "steps", "template", "udp_lengths"),
    )

    def __init__(self, template: SegmentTemplate, payloads: tuple[int, ...]) -> None:
        layout = template.layout
        size = layout.size
        counts = [-(-payload // size) for payload in payloads]
        self.template = template
        self.count = len(payloads)
        self.starts = [0, *accumulate(counts)]
        self.shorts = [
            count * size - payload for count, payload in zip(counts, payloads, strict=True)
        ]
        self.equal_rows = counts[0] if counts.count(counts[0]) == len(counts) else 0
        rows = self.starts[-1]
        self.frame_of_row = np.repeat(np.arange(self.count), counts)
        firsts = np.array(self.starts[:-1])
        lasts = np.array(self.starts[1:]) - 1
        steps = np.arange(rows) - firsts[self.frame_of_row]
        self.steps = steps.astype(np.uint16)
        self.offsets = (steps * size).astype(np.uint32)
        self.flags_kept = np.full(rows, 0xFF & ~_FIN_PSH & ~_CWR, np.uint8)
        self.flags_kept[firsts] |= _CWR
        self.flags_kept[lasts] |= _FIN_PSH
        shorts = np.array(self.shorts)
        whole = np.array(payloads)
        lengths = np.full(rows, size)
        lengths[lasts] -= shorts
        # The checksum field holds the pseudo-header sum of the GSO frame: add the difference.
        self.lacking = swapped((lengths - whole[self.frame_of_row]) % 0xFFFF)
        fixed = layout.payload_at - layout.l3 - (0 if layout.version == 4 else ip.IPV6_LEN)
        self.ip_lengths = (lengths + fixed).astype(">u2")
        self.udp_lengths = (lengths + ip.UDP_LEN).astype(">u2")
        self.ip_excess = whole - size
        self.full_excess = swapped(self.ip_excess % 0xFFFF)
        is_short = shorts > 0
        self.last_rows = lasts[is_short] if is_short.any() else None
        self.last_shorts = shorts[is_short]
        self.last_excess = swapped(self.last_shorts)

    def is_even(self, frame: int) -> bool:
        """Tell whether the last row of a frame is full, so that another frame may follow it."""
        return not self.shorts[frame]


class _Views:
    """The header fields of slots and rows for one template: arrays (slots, ...) and (rows, ...)."""

    def __init__(
        self, slots: SlotArray, rows: npt.NDArray[np.uint8], template: SegmentTemplate
    ) -> None:
        at, layout, row_len = template.at, template.layout, template.row_len
        head = vxlan.HEADER_LEN + layout.payload_at
        l3, l4 = vxlan.HEADER_LEN + layout.l3, vxlan.HEADER_LEN + layout.l4
        row_count = len(rows) // row_len
        per_slot = template.max_payload // layout.size

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
                (row_count, *(length for length, _ in extent)),
                kind,
                rows,
                offset,
                (row_len, *(step for _, step in extent)),
            )

        self._head, self._row_len = head, row_len
        self._rows = rows[: row_count * row_len].reshape(row_count, row_len)
        self._octets = rows.data
        self._zeros = bytes(layout.size)
        self._heads = slot_view(0, "u1", (head, 1))
        self._payloads = slot_view(head, "u1", (per_slot, layout.size), (layout.size, 1))

        self._is_ipv4, self._is_tcp = layout.version == 4, layout.protocol == ip.TCP
        self._counts_ids = self._is_ipv4 and not layout.one_id
        ip_length_at = l3 + 2 if self._is_ipv4 else l3 + 4
        self._full_ip_length = (
            layout.payload_at + layout.size - layout.l3 - (0 if self._is_ipv4 else ip.IPV6_LEN)
        )
        self._ip_length = slot_view(ip_length_at, ">u2")
        self._row_ip_length = row_view(ip_length_at, ">u2")
        if self._is_ipv4:
            self._ids = slot_view(l3 + 4, ">u2")
            self._row_ids = row_view(l3 + 4, ">u2")
            self._ip_checksum = slot_view(l3 + 10, "<u2")
            self._row_ip_checksum = row_view(l3 + 10, "<u2")
        if self._is_tcp:
            self._sequences = slot_view(l4 + 4, ">u4")
            self._row_sequences = row_view(l4 + 4, ">u4")
            self._row_flags = row_view(l4 + 13, "u1")
        else:
            self._row_udp_length = row_view(l4 + 4, ">u2")
        self._row_checksum = row_view(l4 + ip.CHECKSUM_AT[layout.protocol], "<u2")
        self._row_words = row_view(l4, "<u2", ((row_len - l4) // 2, 2))
        self._odd = row_view(row_len - 1, "u1") if (row_len - l4) & 1 else None

    # HOT PATH: bench tcp
    def fill(self, first: int, plan: RowPlan) -> None:
        """Make the rows of the frames in the slots from *first* on."""
        slots, rows = slice(first, first + plan.count), slice(plan.starts[-1])
        if not self._counts_ids:
            # All full rows have the same IP header, so it is finished in the slot.
            if self._is_ipv4:
                checksum = self._ip_checksum[slots]
                checksum[:] = _updated(checksum, plan.full_excess)
            self._ip_length[slots] = self._full_ip_length
        self._copy(first, slots, rows, plan)
        frames = plan.frame_of_row
        if self._counts_ids:
            before = self._ids[slots][frames]
            ids = before + plan.steps
            self._row_ids[rows] = ids
            excess = plan.ip_excess[frames] + before.astype(np.int64) - ids
            if plan.last_rows is not None:
                excess[plan.last_rows] += plan.last_shorts
            self._row_ip_length[rows] = plan.ip_lengths
            checksum = self._ip_checksum[slots][frames]
            self._row_ip_checksum[rows] = _updated(checksum, swapped(excess % 0xFFFF))
        elif plan.last_rows is not None:
            last = plan.last_rows
            self._row_ip_length[last] = plan.ip_lengths[last]
            if self._is_ipv4:
                checksum = self._row_ip_checksum[last]
                self._row_ip_checksum[last] = _updated(checksum, plan.last_excess)
        if self._is_tcp:
            self._row_sequences[rows] = self._sequences[slots][frames] + plan.offsets
            self._row_flags[rows] &= plan.flags_kept
        else:
            self._row_udp_length[rows] = plan.udp_lengths
        sums = np.add.reduce(self._row_words[rows], axis=1, dtype=np.uint32)
        sums += plan.lacking
        if self._odd is not None:
            sums += self._odd[rows]
        finished = checksums(sums)
        if not self._is_tcp:
            finished[finished == 0] = 0xFFFF  # 0 would mean "no checksum" (RFC 768)
        self._row_checksum[rows] = finished

    def _copy(self, first: int, slots: slice, rows: slice, plan: RowPlan) -> None:
        """Copy headers and payload into the rows, with zeros behind short payloads."""
        head, row_len, count = self._head, self._row_len, plan.equal_rows
        if count:
            into = self._rows[rows].reshape(plan.count, count, row_len)
            into[:, :, :head] = self._heads[slots, None]
            into[:, :, head:] = self._payloads[slots, :count]
        else:
            starts = plan.starts
            for frame in range(plan.count):
                start, stop = starts[frame], starts[frame + 1]
                into = self._rows[start:stop]
                into[:, :head] = self._heads[first + frame]
                into[:, head:] = self._payloads[first + frame, : stop - start]
        for stop, short in zip(plan.starts[1:], plan.shorts, strict=True):
            if short:
                end = stop * row_len
                self._octets[end - short : end] = self._zeros[:short]


def _updated(checksum: Any, excess: Any) -> Any:
    """Return IPv4 header checksums after the sum of their headers fell by *excess* (swapped)."""
    updated = np.add(checksum, excess, dtype=np.uint32)
    updated %= np.uint32(0xFFFF)
    return updated
