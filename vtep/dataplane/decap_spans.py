"""The rows of one batch that continue one another.

A message is one datagram, or a row of datagrams that the kernel merged. Messages with equal
datagram size in neighbouring slots are a *run*: their rows are compared together
(offload/rows.py). Rows that continue one another without a break are a *span*; a span may cross
message boundaries.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vtep.offload import partial
from vtep.offload.coalesce import layout_of
from vtep.offload.partial import is_partial
from vtep.offload.rows import RowsCache, RowViews
from vtep.wire import ip
from vtep.wire.checksum import ones_sum
from vtep.wire.flow import datagram_key
from vtep.wire.slot import FRAME_AT, UDP_AT, SlotArray

_IPV4 = b"\x08\x00"


class Message(NamedTuple):
    """One message from the socket.

    Attributes:
        slots, number: its slot; the first VXLAN header is at UDP_AT.
        end: where it ends there.
        sender: the outer source IP as text, with %scope if it is link-local.
        size: octets of each datagram in it, except the last.
    """

    slots: SlotArray
    number: int
    end: int
    sender: str
    size: int


class RowSpan(NamedTuple):
    """Rows that continue one another, in one slot or in neighbouring ones.

    Attributes:
        rows: views of the slots they are in.
        octets, at: the slot of the first row, and where its VXLAN header is there.
        slot, row: the numbers of both.
        per_slot: rows in each slot.
        length: rows of the span.
        total: the ones' complement sum of the first row's transport header and payload; None if
            the outer checksum is trusted.
    """

    rows: RowViews
    octets: memoryview
    at: int
    slot: int
    row: int
    per_slot: int
    length: int
    total: int | None

    def locate(self, number: int) -> tuple[memoryview, int]:
        """Return the slot of row *number* of the span, and where its VXLAN header is there."""
        row = self.row + number
        if row < self.per_slot:
            return self.octets, self.at + number * self.rows.layout.size
        slot, row = divmod(row, self.per_slot)
        return self.rows.slots.views[self.slot + slot], UDP_AT + row * self.rows.layout.size

    def payloads(self, start: int, stop: int) -> list[memoryview]:
        """Return the payloads of rows start..stop-1 of the span."""
        per_slot, payloads = self.per_slot, self.rows.payloads
        slot, row = divmod(self.row + start, per_slot)
        slot += self.slot
        end = row + stop - start
        if end <= per_slot:
            return payloads(slot)[row:end]
        parts = payloads(slot)[row:per_slot]
        while end > per_slot:
            slot += 1
            end -= per_slot
            parts += payloads(slot)[: min(end, per_slot)]
        return parts


def spans_of(
    received: Sequence[Message], rows_of: Mapping[SlotArray, RowsCache], *, trust: bool
) -> list[list[RowSpan] | None]:
    """Return the spans that begin in each message; None if its datagrams are handled one by one.

    A shorter last datagram of a message is not part of a span. With *trust*, inner checksums are
    not verified in merged messages: the kernel has verified the outer one before it merged them.
    """
    spans: list[list[RowSpan] | None] = [None] * len(received)
    if len(received) == 1 and received[0].end - UDP_AT == received[0].size:
        return spans
    runs: dict[SlotArray, list[int]] = {}
    for index, message in enumerate(received):
        slots, number, end, _, size = message
        run = runs.get(slots)
        is_alone = is_udp_gso_packet(slots.views[number], end, size)
        if run is not None:
            if size == received[run[0]].size and not is_alone:
                run.append(index)
                continue
            _compare(received, run, rows_of, spans, trust)
            del runs[slots]
        if not is_alone:
            runs[slots] = [index]
    for run in runs.values():
        _compare(received, run, rows_of, spans, trust)
    return spans


def is_udp_gso_packet(octets: memoryview, end: int, size: int) -> bool:
    """Tell whether a merged message is really one inner UDP GSO packet.

    A kernel peer on this machine sends it whole, with a partial checksum, and the receiving kernel
    reports its segment size as that of merged datagrams. The packet fills the message exactly, so a
    length field that a guest forges cannot make one packet of several datagrams by chance.
    """
    if end - UDP_AT <= size:
        return False
    if octets[FRAME_AT + 12 : FRAME_AT + 14] == _IPV4 and octets[FRAME_AT + 23] != ip.UDP:
        return False
    frame = octets[FRAME_AT:end]
    whole = ip.locate(frame)
    return (
        whole is not None
        and whole.protocol == ip.UDP
        and whole.end == len(frame)
        and frame[whole.l4 + 4] << 8 | frame[whole.l4 + 5] == whole.end - whole.l4
        and partial.is_partial(frame, whole, ip.address_sum(frame, whole))
    )


def _compare(
    received: Sequence[Message],
    run: list[int],
    rows_of: Mapping[SlotArray, RowsCache],
    spans: list[list[RowSpan] | None],
    trust: bool,
) -> None:
    """Store the spans of the messages whose indices are in *run*; their slots are neighbours."""
    slots, first, end, _, size = received[run[0]]
    if size == 0:
        return
    counts = [(received[index].end - UDP_AT) // size for index in run]
    per_slot = max(counts)
    if per_slot < 1 or (
        len(run) * per_slot == 1
        and end - UDP_AT == size
        and not _has_same_flow_neighbour(received, run[0])
    ):
        return
    frame = slots.views[first][FRAME_AT : UDP_AT + size]
    layout = layout_of(frame, size)
    if layout is None or (per_slot == 1 and _is_partial(frame)):
        return
    rows = rows_of[slots][layout]
    if per_slot > rows.max_rows:
        return
    for index in run:
        spans[index] = []
    totals: Sequence[int | None]
    if len(run) * per_slot == 1:
        starts, totals = [0], [ones_sum(frame[layout.l4 :])]
    else:
        trust = trust and all(received[index].end - UDP_AT > size for index in run)
        breaks, sums = rows.compare(first, len(run), per_slot, verify=not trust)
        starts = sorted({0, *breaks, *_boundaries(received, run, counts, per_slot)})
        totals = [None] * len(starts) if sums is None else sums[starts].tolist()
    stops = [*starts[1:], len(run) * per_slot]
    for start, stop, total in zip(starts, stops, totals, strict=True):
        number, row = divmod(start, per_slot)
        if counts[number] < per_slot:
            stop = min(stop, start - row + counts[number])
        own = spans[run[number]]
        if start < stop and own is not None:
            slot, at = first + number, UDP_AT + row * size
            octets = slots.views[slot]
            own.append(RowSpan(rows, octets, at, slot, row, per_slot, stop - start, total))


def _is_partial(frame: memoryview) -> bool:
    """Tell whether a frame that came alone has a partial checksum: its sum would be wrong."""
    headers = ip.locate(frame)
    return headers is not None and is_partial(frame, headers, ip.address_sum(frame, headers))


def _boundaries(
    received: Sequence[Message], run: list[int], counts: list[int], per_slot: int
) -> Iterator[int]:
    """Yield the rows at which a span must end.

    Behind the last full row of a message with fewer rows than the others are octets of an earlier
    batch. The first row of a message does not continue the message before if that has fewer rows,
    a shorter last datagram or another sender, or did not arrive immediately before.
    """
    for number, count in enumerate(counts):
        if count < per_slot:
            yield number * per_slot + count
    _, _, _, _, size = received[run[0]]
    for number in range(1, len(run)):
        before, index = received[run[number - 1]], received[run[number]]
        if (
            before.end - UDP_AT != per_slot * size
            or run[number] != run[number - 1] + 1
            or before.sender != index.sender
        ):
            yield number * per_slot


def _has_same_flow_neighbour(received: Sequence[Message], index: int) -> bool:
    """Tell whether the message before or after a single datagram belongs to its inner flow."""
    slots, number, end, _, _ = received[index]
    key = datagram_key(slots.views[number], UDP_AT, end)
    return key is not None and any(
        key == datagram_key(slots.views[number], UDP_AT, end)
        for slots, number, end, _, _ in received[max(index - 1, 0) : index + 2]
        if (slots, number) != (received[index].slots, received[index].number)
    )
