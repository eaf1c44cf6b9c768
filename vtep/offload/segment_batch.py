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

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from vtep.bounded_cache import BoundedCache
from vtep.offload.segment import SegmentLayout
from vtep.offload.sums import swapped
from vtep.wire import ip, vxlan
from vtep.wire.slot import SlotArray

MAX_TEMPLATES = 64
"""Most templates whose views are kept (about 5 KB each); a bulk flow has one or two."""

_MAX_PLANS = 64
"""Most row plans kept: a bulk flow repeats a few."""

_MAX_PLAN_ROWS = 1024
"""Most rows of a plan that is kept: about 40 KB."""

_ROWS_LEN = 96 * 1024
"""Room for the rows of one GSO frame: 64 KB of payload, and the headers of its segments."""

_MAX_DATAGRAMS = 65507
"""Most octets in one send: an IPv4 packet without its headers, with UDP_SEGMENT too."""

_FIN_PSH, _CWR = 0x09, 0x80
_NUMBERS = np.arange(1 << 15, dtype=np.uint32)
"""0, 1, 2 ...: more than there can be rows."""


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
            views = self._views.get(template)
            if views is None:
                views = _Views(self._slots, self._rows, template)
                self._views.put(template, views)
            plan = RowPlan(template, key[1], views)
            if plan.starts[-1] <= _MAX_PLAN_ROWS:
                self._plans.put(key, plan)
        _fill(first, plan)
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

        self.head = head
        self.is_ipv4, self.is_tcp = layout.version == 4, layout.protocol == ip.TCP
        self.counts_ids = self.is_ipv4 and not layout.one_id
        ip_length_at = l3 + 2 if self.is_ipv4 else l3 + 4
        fixed = layout.payload_at - layout.l3 - (0 if self.is_ipv4 else ip.IPV6_LEN)
        self.full_ip_length = fixed + layout.size
        self.octets = rows.data
        self.zeros = bytes(layout.size)

        self.heads = slot_view(0, "u1", (head, 1))
        self.payloads = slot_view(head, "u1", (per_slot, layout.size), (layout.size, 1))
        self.ip_length = slot_view(ip_length_at, ">u2")
        if self.is_ipv4:
            self.ids = slot_view(l3 + 4, ">u2")
            self.ip_checksum = slot_view(l3 + 10, "<u2")
        if self.is_tcp:
            self.sequences = slot_view(l4 + 4, ">u4")

        self.rows = rows[: row_count * row_len].reshape(row_count, row_len)
        self.row_ip_length = row_view(ip_length_at, ">u2")
        if self.is_ipv4:
            self.row_ids = row_view(l3 + 4, ">u2")
            self.row_ip_checksum = row_view(l3 + 10, "<u2")
        if self.is_tcp:
            self.row_sequences = row_view(l4 + 4, ">u4")
            self.row_flags = row_view(l4 + 13, "u1")
        else:
            self.row_udp_length = row_view(l4 + 4, ">u2")
        self.row_checksum = row_view(l4 + ip.CHECKSUM_AT[layout.protocol], "<u2")
        self.row_words = row_view(l4, "<u2", ((row_len - l4) // 2, 2))
        self.row_odd = row_view(row_len - 1, "u1") if (row_len - l4) & 1 else None


class RowPlan:
    """The rows of one run: their views, which frame each belongs to, and what differs between them.

    A bulk flow repeats its plans, so everything that depends on the lengths alone is here.

    Args:
        template: of all frames of the run.
        payloads: octets of payload of each frame.
        views: of slots and rows for the template.

    Attributes:
        template: as given.
        starts: the first row of each frame, and the number of rows at the end.
        shorts: octets that the last row of each frame lacks.
    """

    def __init__(self, template: SegmentTemplate, payloads: tuple[int, ...], views: _Views) -> None:
        size, row_len = template.layout.size, template.row_len
        counts = [-(-payload // size) for payload in payloads]
        self.template, self.views, self.count = template, views, len(payloads)
        self.starts = [0, *accumulate(counts)]
        self.shorts = [
            count * size - payload for count, payload in zip(counts, payloads, strict=True)
        ]
        # Octets of the row array behind short payloads: they are zero for the sums.
        self.pads = [
            (stop * row_len - short, stop * row_len)
            for stop, short in zip(self.starts[1:], self.shorts, strict=True)
            if short
        ]
        total = self.starts[-1]
        firsts = np.array(self.starts[:-1])
        self.frame_of_row = np.repeat(_NUMBERS[: self.count], counts)
        self.steps = _NUMBERS[:total] - firsts.astype(np.uint32)[self.frame_of_row]

        # The rows as (frames, rows, octets) if all frames have equally many, else 0.
        self.equal_rows = counts[0] if counts.count(counts[0]) == len(counts) else 0
        if self.equal_rows:
            rows = views.rows[:total].reshape(self.count, self.equal_rows, row_len)
            self.row_heads, self.row_payloads = rows[..., : views.head], rows[..., views.head :]
        self.words, self.checksum = views.row_words[:total], views.row_checksum[:total]
        self.odd = views.row_odd[:total] if views.row_odd is not None else None

        # What the sum of a row lacks: its field holds the pseudo-header sum of the GSO frame.
        excess = [payload - size for payload in payloads]
        self.lacking = _lacking(-one for one in excess)[self.frame_of_row]
        self.ip_excess = np.array(excess)
        self.full_excess = swapped(self.ip_excess % 0xFFFF)
        self.last_rows: npt.NDArray[np.int64] | None = None
        if self.pads:
            short_frames = [frame for frame, short in enumerate(self.shorts) if short]
            self.last_rows = np.array([self.starts[frame + 1] - 1 for frame in short_frames])
            self.last_shorts = np.array([self.shorts[frame] for frame in short_frames])
            self.last_excess = swapped(self.last_shorts)
            self.last_ip_lengths = views.full_ip_length - self.last_shorts
            self.lacking[self.last_rows] = _lacking(
                -excess[frame] - self.shorts[frame] for frame in short_frames
            )
        if views.is_tcp:
            self.sequences, self.flags = views.row_sequences[:total], views.row_flags[:total]
            self.offsets = self.steps * np.uint32(size)
            self.flags_kept = np.full(total, 0xFF & ~_FIN_PSH & ~_CWR, np.uint8)
            self.flags_kept[firsts] |= _CWR
            self.flags_kept[np.array(self.starts[1:]) - 1] |= _FIN_PSH
            if self.equal_rows:
                self.sequences = self.sequences.reshape(self.count, self.equal_rows)
                self.offsets = self.offsets[: self.equal_rows]
        else:
            self.udp_length = views.row_udp_length[:total]

    def is_even(self, frame: int) -> bool:
        """Tell whether the last row of a frame is full, so that another frame may follow it."""
        return not self.shorts[frame]


# HOT PATH: bench tcp
def _fill(first: int, plan: RowPlan) -> None:
    """Make the rows of the frames in the slots from *first* on; most lines are one numpy call."""
    views = plan.views
    slots = slice(first, first + plan.count)
    if not views.counts_ids:
        # All full rows have the same IP header, so it is finished in the slot.
        if views.is_ipv4:
            checksum = views.ip_checksum[slots]
            checksum[:] = _updated(checksum, plan.full_excess)
        views.ip_length[slots] = views.full_ip_length
    _copy(first, slots, plan)
    frames = plan.frame_of_row
    if views.counts_ids:
        _count_ids(slots, plan)
    elif plan.last_rows is not None:
        last = plan.last_rows
        views.row_ip_length[last] = plan.last_ip_lengths
        if views.is_ipv4:
            checksum = views.row_ip_checksum[last]
            views.row_ip_checksum[last] = _updated(checksum, plan.last_excess)
    if views.is_tcp:
        if plan.equal_rows:
            np.add(views.sequences[slots, None], plan.offsets, plan.sequences, casting="unsafe")
        else:
            plan.sequences[:] = views.sequences[slots][frames] + plan.offsets
        plan.flags &= plan.flags_kept
    else:
        plan.udp_length[:] = plan.template.layout.size + ip.UDP_LEN
        if plan.last_rows is not None:
            plan.udp_length[plan.last_rows] -= plan.last_shorts.astype(np.uint16)
    sums = np.add.reduce(plan.words, axis=1, dtype=np.uint32)
    if plan.odd is not None:
        sums += plan.odd
    sums += plan.lacking
    sums %= np.uint32(0xFFFF)
    finished = np.subtract(np.uint32(0xFFFE), sums, out=sums)
    if not views.is_tcp:
        finished[finished == 0] = 0xFFFF  # 0 would mean "no checksum" (RFC 768)
    plan.checksum[:] = finished


def _copy(first: int, slots: slice, plan: RowPlan) -> None:
    """Copy headers and payload into the rows, with zeros behind short payloads."""
    views = plan.views
    if plan.equal_rows:
        plan.row_heads[:] = views.heads[slots, None]
        plan.row_payloads[:] = views.payloads[slots, : plan.equal_rows]
    else:
        starts, head = plan.starts, views.head
        for frame in range(plan.count):
            start, stop = starts[frame], starts[frame + 1]
            rows = views.rows[start:stop]
            rows[:, :head] = views.heads[first + frame]
            rows[:, head:] = views.payloads[first + frame, : stop - start]
    for start, stop in plan.pads:
        views.octets[start:stop] = views.zeros[: stop - start]


def _count_ids(slots: slice, plan: RowPlan) -> None:
    """Give each row its IPv4 ID, counting up, and its length: DF is not set."""
    views, frames, rows = plan.views, plan.frame_of_row, slice(plan.starts[-1])
    before = views.ids[slots][frames]
    ids = before + plan.steps.astype(np.uint16)
    views.row_ids[rows] = ids
    excess = plan.ip_excess[frames] + before.astype(np.int64) - ids
    if plan.last_rows is not None:
        excess[plan.last_rows] += plan.last_shorts
    views.row_ip_length[rows] = views.full_ip_length
    if plan.last_rows is not None:
        views.row_ip_length[plan.last_rows] = plan.last_ip_lengths
    checksum = views.ip_checksum[slots][frames]
    views.row_ip_checksum[rows] = _updated(checksum, swapped(excess % 0xFFFF))


def _lacking(differences: Iterable[int]) -> npt.NDArray[np.uint32]:
    """Return what is added to the sums of rows whose payload is longer by so many octets.

    One is subtracted, as the folding of `sums.checksums` does.
    """
    folded = [difference % 0xFFFF for difference in differences]
    return np.array([((one & 0xFF) << 8 | one >> 8) - 1 for one in folded]).astype(np.uint32)


def _updated(checksum: Any, excess: Any) -> Any:
    """Return IPv4 header checksums after the sum of their headers fell by *excess* (swapped)."""
    updated = np.add(checksum, excess, dtype=np.uint32)
    updated %= np.uint32(0xFFFF)
    return updated
