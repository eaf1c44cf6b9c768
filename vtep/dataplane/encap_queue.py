"""The send queue of one batch: frames leave in as few sends as possible.

A system call and the kernel's path through its stack cost microseconds per send, whatever its size;
with UDP_SEGMENT (udp(7)) one send carries many datagrams of one length. So two kinds of frames
wait, for the rest of their batch at most:

    a run of GSO frames with one template in neighbouring slots, to be segmented together
    frames of one length with the same next hop, to be sent together

Frames with the same source port keep their order; frames of one flow have the same source port.
Headers and checksums of waiting frames are written when they leave, by numpy if many are alike.
"""

from collections.abc import Callable

from vtep.dataplane.encap_flow import EncapFlow
from vtep.dataplane.peer import NextHop, Transmit, count_sent
from vtep.offload.finish_batch import MIN_OCTETS, complete_checksums, put_headers
from vtep.offload.segment import store_checksum
from vtep.offload.segment_batch import Segmenter, SegmentTemplate
from vtep.wire import vxlan
from vtep.wire.slot import SlotArray, SlotRef

_MAX_SEND = 65507

Send = Callable[[Transmit], None]


class _Group:
    """Frames that wait to be sent together: equal in length, except the last may be shorter.

    Attributes:
        flow: of the first frame.
        refs: where the frames are.
        flows: of the frames.
        size: octets of the first datagram.
        octets: of all datagrams.
        is_uniform: whether all frames are of one flow and length, and in small slots.
    """

    __slots__ = ("flow", "flows", "is_uniform", "octets", "refs", "size")

    def __init__(self, flow: EncapFlow, ref: SlotRef, octets: int, *, is_small: bool) -> None:
        self.flow = flow
        self.flows = [flow]
        self.refs = [ref]
        self.size = self.octets = octets
        self.is_uniform = is_small


class SendQueue:
    """Gathers the frames of one batch.

    Args:
        segmenter: segments GSO frames in the large slots.
        small: the array of small slots.

    Attributes:
        send: takes each Transmit; what it holds is valid until it returns.
    """

    def __init__(self, segmenter: Segmenter, small: SlotArray) -> None:
        self.send: Send = _discard
        self._segmenter = segmenter
        self._small = small
        self._groups: dict[int, _Group] = {}
        self._run: list[NextHop] = []
        self._run_ports: set[int] = set()
        self._payloads: list[int] = []
        self._next_slot = 0
        self._template: SegmentTemplate | None = None

    def add_gso(self, number: int, payload: int, flow: EncapFlow) -> None:
        """Add the GSO frame in large slot *number*, its VXLAN header in front.

        Args:
            number: of the slot.
            payload: octets of its payload, at most the template's max_payload.
            flow: with a template.
        """
        next_hop = flow.next_hop
        sport_index = next_hop.sport_index
        if sport_index in self._groups:
            self._flush_group(sport_index)
        if flow.template is not self._template or number != self._next_slot:
            self._flush_run()
            self._template = flow.template
        self._run.append(next_hop)
        self._run_ports.add(sport_index)
        self._payloads.append(payload)
        self._next_slot = number + 1

    def add_frame(self, flow: EncapFlow, ref: SlotRef) -> None:
        """Add a frame that leaves in one datagram."""
        slots, _, end = ref
        octets = end - flow.at + vxlan.HEADER_LEN
        next_hop = flow.next_hop
        sport_index = next_hop.sport_index
        if sport_index in self._run_ports:
            self._flush_run()
        is_small = slots is self._small
        group = self._groups.get(sport_index)
        if group is not None:
            total = group.octets + octets
            if (
                (flow is group.flow or next_hop == group.flow.next_hop)
                and octets <= group.size
                and len(group.refs) < next_hop.max_segments
                and total <= _MAX_SEND
            ):
                group.refs.append(ref)
                group.flows.append(flow)
                group.octets = total
                if flow is not group.flow or octets != group.size or not is_small:
                    group.is_uniform = False
                if octets < group.size:
                    self._flush_group(sport_index)
                return
            self._flush_group(sport_index)
        self._groups[sport_index] = _Group(flow, ref, octets, is_small=is_small)

    def add_datagrams(self, parts: list[memoryview], next_hop: NextHop) -> None:
        """Send finished datagrams one by one, after everything that waits for their port."""
        self.flush_port(next_hop.sport_index)
        for part in parts:
            count_sent(next_hop, 1, len(part))
            self.send(Transmit(next_hop, (part,), 0, len(part)))

    def flush_port(self, sport_index: int) -> None:
        """Send everything that waits for a source port."""
        if sport_index in self._run_ports:
            self._flush_run()
        if sport_index in self._groups:
            self._flush_group(sport_index)

    def flush(self) -> None:
        """Send everything that waits."""
        if self._run:
            self._flush_run()
        while self._groups:
            self._flush_group(next(iter(self._groups)))

    def clear(self) -> None:
        """Forget everything that waits."""
        self._groups.clear()
        self._clear_run()

    def _clear_run(self) -> None:
        self._run.clear()
        self._run_ports.clear()
        self._payloads.clear()
        self._template = None

    def _flush_group(self, sport_index: int) -> None:
        """Finish the frames of a group, and send them."""
        group = self._groups.pop(sport_index)
        refs, flow = group.refs, group.flow
        if group.is_uniform and group.octets >= MIN_OCTETS:
            small, end, start = self._small, refs[0][2], flow.at - vxlan.HEADER_LEN
            numbers = [number for _, number, _ in refs]
            if flow.csum_at:
                complete_checksums(small, numbers, flow.csum_at, flow.csum_field, end)
            put_headers(small, numbers, start, flow.overlay.header)
            parts = [small.views[number][start:end] for number in numbers]
        else:
            parts = [
                finish(one, slots.views[number], end)
                for one, (slots, number, end) in zip(group.flows, refs, strict=True)
            ]
        next_hop = flow.next_hop
        count_sent(next_hop, len(parts), group.octets)
        size = group.size if len(parts) > 1 else 0
        self.send(Transmit(next_hop, parts, size, group.octets))

    def _flush_run(self) -> None:
        """Segment the run that waits, and send its datagrams: neighbours of one flow together."""
        run, template = self._run, self._template
        if not run or template is None:
            return
        segmenter = self._segmenter
        plan = segmenter.segment(self._next_slot - len(run), self._payloads, template)
        start = 0
        while start < len(run):
            next_hop = run[start]
            stop = start + 1
            while stop < len(run) and plan.is_even(stop - 1) and run[stop] == next_hop:
                stop += 1
            for octets in segmenter.datagrams(plan, start, stop, next_hop.max_segments):
                length = len(octets)
                count_sent(next_hop, -(-length // template.row_len), length)
                self.send(Transmit(next_hop, (octets,), template.row_len, length))
            start = stop
        self._clear_run()


def finish(flow: EncapFlow, slot: memoryview, end: int) -> memoryview:
    """Complete the checksum of one frame, put the VXLAN header in front, return the datagram.

    Args:
        flow: of the frame.
        slot: holds the frame at slot[flow.at:end]; changed in place.
        end: where the frame ends.
    """
    if flow.csum_at:
        store_checksum(slot, flow.csum_at, flow.csum_field, end)
    start = flow.at - vxlan.HEADER_LEN
    slot[start : flow.at] = flow.overlay.header
    return slot[start:end]


def _discard(transmit: Transmit) -> None:
    """Send nothing: the queue is not in use yet."""
