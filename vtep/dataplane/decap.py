"""From the underlay to a TAP: a batch of messages becomes frames.

    is the flow known?    one lookup in the flow cache returns how its datagrams are delivered
    if not, classify it:  VNI -> overlay, sender -> peer, source MAC learned   (decap_flow.py)
    rows                  compared, many together                              (decap_spans.py)
    segments of a flow    joined into one GRO packet                 (offload/coalesce.py)
    other frames          partial checksum described, MSS clamped, tag pushed
    deliver               virtio header over VXLAN header

A message may be several datagrams that the kernel merged (UDP_GRO). Frames of one flow keep their
order. Frames go to TAPs only: nothing from the underlay returns to it.
"""

import errno
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vtep.dataplane import mss
from vtep.dataplane.counters import Drop
from vtep.dataplane.decap_flow import DecapFlow, classify
from vtep.dataplane.decap_spans import Message, RowSpan, is_udp_gso_packet, spans_of
from vtep.dataplane.flow_cache import FlowCache
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.vtep import Vtep
from vtep.offload import partial
from vtep.offload.coalesce import GroPacket, layout_of
from vtep.offload.partial import FINISHED
from vtep.offload.rows import RowsCache
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.buffer import Readable
from vtep.wire.flow import datagram_key
from vtep.wire.slot import FRAME_AT, SMALL_END, SMALL_LEN, UDP_AT, BufferPool

_SYN = 0x02

_WRITE_ERRORS = {
    errno.EAGAIN: Drop.TAP_FULL,
    errno.ENOBUFS: Drop.TAP_FULL,
    errno.ENOMEM: Drop.TAP_FULL,
    errno.EIO: Drop.TAP_DOWN,
}


class Delivery(NamedTuple):
    """One frame for the TAP of *overlay*, in parts, of which the first is its virtio header."""

    overlay: Overlay
    parts: Sequence[Readable]


Deliver = Callable[[Delivery], None]


class Decapsulator:
    """Turns datagrams in slots into frames.

    Args:
        vtep: the tables.
        pool: where the datagrams are.
        flows: the flow cache; it begins each batch.
        trust: do not verify inner checksums before joining, where the outer one was verified.
    """

    def __init__(
        self, vtep: Vtep, pool: BufferPool, flows: FlowCache, *, trust: bool = False
    ) -> None:
        self._vtep = vtep
        self._flows = flows
        self._trust = trust
        self._rows = {slots: RowsCache(slots) for slots in (pool.large, pool.small)}
        self._waiting: list[DecapFlow] = []
        self._deliver: Deliver = _discard
        self._remembered: tuple[bytes, str] | None = None
        self._scratch = memoryview(bytearray(SMALL_LEN))

    def decapsulate(self, messages: Sequence[Message], deliver: Deliver) -> None:
        """Turn the messages of a batch into frames, and deliver them in the order of their flows.

        Args:
            messages: where they are: a VXLAN header at slot[8:16], its frame at slot[16:], and the
                next datagram of the message behind it.
            deliver: takes each Delivery; what it holds is valid until the batch ends.
        """
        self._deliver = deliver
        try:
            self._forward(messages)
            self._close_all()
        except BaseException:
            for flow in self._waiting:
                flow.packet = None  # the slots it refers to are received into again
            self._waiting.clear()
            raise

    # HOT PATH: bench tcp
    def _forward(self, messages: Sequence[Message]) -> None:
        """Join the rows that continue one another, and take the other datagrams one by one."""
        all_spans = spans_of(messages, self._rows, trust=self._trust)
        for message, spans in zip(messages, all_spans, strict=True):
            slots, number, end, sender, size = message
            octets = slots.views[number]
            tail = UDP_AT
            if spans is not None:
                for span in spans:
                    self._join(span, sender)
                tail = UDP_AT + size * ((end - UDP_AT) // size)
            elif is_udp_gso_packet(octets, end, size):
                self._take_udp_gso(octets, end, sender, size)
                continue
            for at in range(tail, end, size) if end > UDP_AT else (UDP_AT,):
                self._take(octets, at, min(at + size, end), sender)

    def decapsulate_one(
        self, octets: memoryview, end: int, sender: str, *, is_alone: bool
    ) -> Delivery | None:
        """Turn a single datagram into a frame, if its flow is known and it cannot be joined.

        Nothing may wait before it. It is counted as received.

        Args:
            octets: the slot; the datagram is at slot[8:end].
            end: where the frame ends.
            sender: the outer source IP address as text.
            is_alone: whether no other datagram may follow, so that joining is not an option.

        Returns:
            None, and nothing is changed, for a datagram that `decapsulate` must handle.
        """
        key = datagram_key(octets, UDP_AT, end)
        flow = self._flows.find_decap((sender, key)) if key is not None else None
        if flow is None:
            return None
        overlay, headers = flow.overlay, flow.headers
        if headers is None or overlay.vlan is not None:
            return None
        frame = octets[FRAME_AT:end]
        header = partial.single_header(frame, headers, flow.addresses, overlay.mtu)
        if header is None:
            return None
        if not is_alone and header is FINISHED:
            if headers.protocol == ip.UDP:
                return None
            if headers.protocol == ip.TCP and partial.has_tcp_payload(frame, headers.l4):
                return None
        flow.count(1, end - FRAME_AT)
        return Delivery(overlay, (header, frame))

    def remember(self, octets: memoryview, end: int, sender: str) -> None:
        """Keep a copy of a datagram that came alone, for `rehearse`."""
        if end <= SMALL_END:
            self._remembered = bytes(octets[:end]), sender

    def rehearse(self) -> None:
        """Decapsulate the remembered datagram once more, and count it back: nothing is written.

        A stale entry ends it, because only a real frame may refresh the FDB.
        """
        if self._remembered is None:
            return
        octets, sender = self._remembered
        slot, end = self._scratch, len(octets)
        slot[:end] = octets
        key = datagram_key(slot, UDP_AT, end)
        flow = self._flows.decap_flows.get((sender, key)) if key is not None else None
        if flow is None or self._flows.now >= flow.valid_until:
            return
        if self.decapsulate_one(slot, end, sender, is_alone=True) is not None:
            flow.count(-1, FRAME_AT - end)

    def _flow_of(self, octets: memoryview, at: int, end: int, sender: str) -> DecapFlow | None:
        """Return the flow of the datagram at octets[at:end]; None if it is dropped, and counted."""
        flows = self._flows
        key = datagram_key(octets, at, end)
        if key is None:
            return classify(self._vtep, octets, at, end, sender, flows.now)
        full_key = sender, key
        flow = flows.find_decap(full_key)
        if flow is None:
            flow = classify(self._vtep, octets, at, end, sender, flows.now)
            if flow is not None and flow.headers is not None:
                flow.generation = flow.overlay.generation.number
                # Another datagram of the flow may have other reserved bits, and so another key.
                flow.is_hidden = flow.has_reserved_bits
                flows.decap_flows[full_key] = flow
        return flow

    # -- one datagram

    def _take(self, octets: memoryview, at: int, end: int, sender: str) -> None:
        """Take the datagram at octets[at:end]: the end of a GRO packet, or a frame of its own."""
        flow = self._flow_of(octets, at, end, sender)
        if flow is None:
            return
        if flow.is_hidden:
            self._close_all()  # it may belong to any flow that waits
        if flow.packet is not None:
            if flow.packet.append_last(octets, at, end):
                flow.count(1, end - at - vxlan.HEADER_LEN)
                return
            self._close(flow)
        self._deliver_frame(flow, octets[at + vxlan.HEADER_LEN : end], 0)

    def _take_udp_gso(self, octets: memoryview, end: int, sender: str, size: int) -> None:
        """Take a message that is one inner UDP GSO packet with segments of *size* octets.

        If another VXLAN header of ours could be in it, it may be several datagrams as well: then it
        is dropped, because a frame must not reach the wrong VNI.
        """
        overlays = self._vtep.overlays
        if any(vxlan.parse(octets, at) in overlays for at in range(UDP_AT + size, end, size)):
            self._vtep.drops[Drop.AMBIGUOUS] += 1
            return
        flow = self._flow_of(octets, UDP_AT, end, sender)
        if flow is None:
            return
        if flow.is_hidden:
            self._close_all()
        self._close(flow)
        self._deliver_frame(flow, octets[FRAME_AT:end], size)

    def _deliver_frame(self, flow: DecapFlow, frame: memoryview, gso_size: int) -> None:
        """Deliver one frame as it is, with what remains to be done in its virtio header.

        *gso_size* is the segment size of an inner UDP GSO packet, else 0.
        """
        overlay, headers = flow.overlay, flow.headers
        if headers is not None and overlay.vlan is None and not flow.is_hidden and not gso_size:
            packed = partial.single_header(frame, headers, flow.addresses, overlay.mtu)
            if packed is not None:
                flow.count(1, len(frame))
                self._deliver(Delivery(overlay, (packed, frame)))
                return
        header = virtio.PLAIN
        if headers is not None and headers.protocol in (ip.TCP, ip.UDP):
            headers = ip.locate(frame)
            if headers is not None and partial.is_partial(frame, headers, flow.addresses):
                described = partial.virtio_header_for(frame, headers, overlay.mtu, gso_size)
                if described is None:
                    overlay.drop_received(Drop.OVERSIZE)
                    return
                header = described
            if headers is not None and overlay.clamp_mss and _is_syn(frame, headers):
                is_partial = header is not virtio.PLAIN
                overlay.clamped += mss.clamp_mss(frame, headers, overlay.mtu, partial=is_partial)
        flow.count(1, len(frame))
        self._deliver_parts(overlay, header, frame)

    def _deliver_parts(
        self,
        overlay: Overlay,
        header: virtio.VirtioHeader,
        frame: Readable,
        payload: Sequence[Readable] = (),
    ) -> None:
        """Push the overlay's tag onto a frame, and deliver it behind its virtio header."""
        if overlay.vlan is not None:
            header = partial.shift(header, ethernet.TAG_LEN)
            payload = (frame[ethernet.MACS_LEN :], *payload)
            frame = bytes(frame[: ethernet.MACS_LEN]) + ethernet.pack_tag(overlay.vlan)
        packed = FINISHED if header is virtio.PLAIN else virtio.pack(header)
        self._deliver(Delivery(overlay, (packed, frame, *payload)))

    # -- many datagrams together

    # HOT PATH: bench tcp
    def _join(self, span: RowSpan, sender: str) -> None:
        """Append rows that continue one another to the GRO packet of their flow, or a new one."""
        rows, octets, at, _, _, _, count, total = span
        size = rows.layout.size
        flow = self._flow_of(octets, at, at + size, sender)
        if flow is None:
            # The row is counted as dropped; each of the others is judged by itself.
            self._take_rows(span, 1, sender)
            return
        head = int.from_bytes(octets[at : at + rows.head_len], "big")
        if not _fits(flow, span, head) or not (
            total is None or rows.is_right(head, flow.addresses, total)
        ):
            self._take_rows(span, 0, sender)
            return
        if flow.is_hidden:
            self._close_all()  # it may belong to any flow that waits
        flow.count(count, count * (size - vxlan.HEADER_LEN))
        packet = flow.packet
        if packet is None:
            self._waiting.append(flow)
            room = 0
        elif count == 1 and packet.append_last(octets, at, at + size):
            return
        else:
            room = packet.room(rows, octets, at)
        start = 0
        while start < count:
            if room < 1:
                if packet is not None:
                    self._deliver_parts(flow.overlay, *packet.finish())
                if start:
                    octets, at = span.locate(start)
                packet = flow.packet = GroPacket(rows, octets, at, flow.addresses)
                room = rows.max_segments
            stop = min(start + room, count)
            assert packet is not None
            packet.append(span.payloads(start, stop), *span.locate(stop - 1))
            start, room = stop, 0
        if flow.is_hidden:
            self._close_all()  # and no later frame may be joined to it or overtake it

    def _take_rows(self, span: RowSpan, start: int, sender: str) -> None:
        """Take the rows of a span from *start* on one by one."""
        size = span.rows.layout.size
        for number in range(start, span.length):
            octets, at = span.locate(number)
            self._take(octets, at, at + size, sender)

    def _close(self, flow: DecapFlow) -> None:
        """Deliver the GRO packet that waits in *flow*, if there is one."""
        packet, flow.packet = flow.packet, None
        if packet is not None:
            self._deliver_parts(flow.overlay, *packet.finish())

    def _close_all(self) -> None:
        for flow in self._waiting:
            self._close(flow)
        self._waiting.clear()


def count_undelivered(delivery: Delivery, error: int) -> None:
    """Count that the TAP did not take *delivery*; *error* is its errno.

    The frame stays counted as received.
    """
    delivery.overlay.drop_received(_WRITE_ERRORS.get(error, Drop.TAP_REFUSED))


def _fits(flow: DecapFlow, span: RowSpan, head: int) -> bool:
    """Tell whether the first row of a span has its layout, and the TAP takes GSO frames of it.

    *head* is the VXLAN header and the frame headers of the row as one number.
    """
    rows, octets, at = span.rows, span.octets, span.at
    layout = rows.layout
    head &= rows.like_mask
    if flow.layout is layout and flow.head == head:
        return True
    port = flow.overlay.port
    takes_gso = port.takes_tso if rows.is_tcp else port.takes_uso
    frame = octets[at + vxlan.HEADER_LEN : at + layout.size]
    if not takes_gso or layout_of(frame, layout.size) != layout:
        return False
    flow.layout, flow.head = layout, head
    return True


def _is_syn(frame: memoryview, headers: ip.Headers) -> bool:
    at = headers.l4 + 13
    return headers.protocol == ip.TCP and at < len(frame) and bool(frame[at] & _SYN)


def _discard(delivery: Delivery) -> None:
    """Deliver nothing: the decapsulator is not in use yet."""
