"""From a TAP to the underlay: a batch of frames becomes as few sends as possible.

    is the flow known?    one lookup in the flow cache returns how its frames are forwarded
    if not, classify it:  802.1Q tag -> overlay, tags stripped, source MAC learned,
                          destination MAC -> next hop           (encap_flow.py)
    GSO frames            segmented in runs, or left to a transport that takes them
    other frames          MSS clamped, checksum completed, VXLAN header over virtio header
    queue                 equal frames leave in one send        (encap_queue.py)

Frames with the same source port leave in the order in which they arrived, and so do the frames of
each flow.
"""

from collections.abc import Sequence

from vtep.dataplane import mss
from vtep.dataplane.counters import Drop
from vtep.dataplane.encap_flow import EncapFlow, classify, gso_drop
from vtep.dataplane.encap_queue import Send, SendQueue, finish
from vtep.dataplane.flow_cache import FlowCache
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Transmit, count_sent
from vtep.offload import partial
from vtep.offload.inject import MAX_PAYLOAD, GsoFrame
from vtep.offload.segment import plan_segments, segment
from vtep.offload.segment_batch import Segmenter
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.flow import FlowKey, tap_key
from vtep.wire.slot import FRAME_AT, SMALL_END, SMALL_LEN, TAP_AT, BufferPool, SlotRef

_GSO_TYPE_AT = TAP_AT + virtio.GSO_TYPE_AT


class Encapsulator:
    """Turns frames in slots into datagrams.

    Args:
        pool: where the frames are.
        flows: the flow cache; it begins each batch.
        source_ports: how many UDP source ports flows are spread over.
    """

    def __init__(self, pool: BufferPool, flows: FlowCache, source_ports: int) -> None:
        self._pool = pool
        self._flows = flows
        self._source_ports = source_ports
        self._segmenter = Segmenter(pool.large)
        self._queue = SendQueue(self._segmenter, pool.small)
        self._remembered: tuple[AccessPort, bytes] | None = None
        self._scratch = memoryview(bytearray(SMALL_LEN))

    def encapsulate(self, port: AccessPort, frames: Sequence[SlotRef], send: Send) -> None:
        """Turn the frames of a batch into datagrams, and send them in order.

        Args:
            port: the TAP they were read from.
            frames: where they are: the virtio header at slot[6:16], the frame at slot[16:end].
                GSO frames of interest are in large slots.
            send: takes each Transmit; what it holds is valid until it returns.
        """
        queue = self._queue
        queue.send = send
        try:
            self._forward(port, frames)
            queue.flush()
        except BaseException:
            queue.clear()  # the slots it refers to are read into again
            raise

    # HOT PATH: bench tcp, udp
    def _forward(self, port: AccessPort, frames: Sequence[SlotRef]) -> None:
        """Look up the flow of each frame, and add it to the send queue or drop it."""
        queue, flows = self._queue, self._flows
        recent, generation, now = flows.encap_flows, flows.generation, flows.now
        large = self._pool.large
        for ref in frames:
            slots, number, end = ref
            slot = slots.views[number]
            key = tap_key(slot, end)
            # FlowCache.find_encap, inline: a call for each frame is too expensive (bench udp).
            flow = recent.get((port, key)) if key is not None else None
            if (
                flow is None
                or flow.generation < generation
                or (now >= flow.valid_until and not flow.refresh(now))
            ):
                flow = self._classify(port, slot, end, key)
                if flow is None:
                    continue
            if flow.drop is not None:
                flow.overlay.drops[flow.drop] += 1
                continue
            if flow.is_hidden:
                queue.flush()
            if slot[_GSO_TYPE_AT]:
                template, payload, at = flow.template, end - flow.payload_at, flow.ip_length_at
                if (
                    template is not None
                    and flow.gso is None
                    and slots is large
                    and 0 < payload <= template.max_payload
                    and slot[at] << 8 | slot[at + 1] == end - flow.ip_length_from
                ):
                    slot[flow.at - vxlan.HEADER_LEN : flow.at] = flow.overlay.header
                    queue.add_gso(number, payload, flow)
                else:
                    self._send_gso(flow, slot, end)
            elif end > flow.max_end:
                flow.overlay.drops[Drop.OVERSIZE] += 1
            else:
                if flow.clamps_mss:
                    _clamp_mss(flow, slot, end)
                queue.add_frame(flow, ref)
            if flow.is_hidden:
                queue.flush()

    def encapsulate_one(self, port: AccessPort, slot: memoryview, end: int) -> Transmit | None:
        """Turn the only frame that waits into a Transmit, if its flow is known.

        Nothing may wait before it. It is counted as sent.

        Args:
            port: the TAP it was read from.
            slot: holds the virtio header at slot[6:16], the frame at slot[16:end].
            end: where the frame ends.

        Returns:
            None, and nothing is changed, for a frame that `encapsulate` must handle: its flow is
            not in the cache, or it is a GSO frame that is segmented here.
        """
        key = tap_key(slot, end)
        flow = self._flows.find_encap((port, key)) if key is not None else None
        if flow is None or flow.drop is not None:
            return None
        if slot[_GSO_TYPE_AT]:
            return self._unsegmented(flow, slot, end)
        if flow.clamps_mss or end > flow.max_end:
            return None
        part = finish(flow, slot, end)
        octets = len(part)
        count_sent(flow.next_hop, 1, octets)
        return Transmit(flow.next_hop, (part,), 0, octets)

    def encapsulate_gso(self, port: AccessPort, slot: memoryview, end: int) -> Transmit | None:
        """Turn a GSO frame of a known flow into a Transmit, if the transport takes it unsegmented.

        Nothing may wait before it. It is counted as sent. None, and nothing is changed, for a frame
        that `encapsulate` must handle.
        """
        key = tap_key(slot, end)
        flow = self._flows.find_encap((port, key)) if key is not None else None
        if flow is None or flow.gso is None:
            return None
        return self._unsegmented(flow, slot, end)

    def remember(self, port: AccessPort, slot: memoryview, end: int) -> None:
        """Keep a copy of a frame that came alone, for `rehearse`."""
        if end <= SMALL_END:
            self._remembered = port, bytes(slot[:end])

    def rehearse(self) -> None:
        """Encapsulate the remembered frame once more, and count it back: nothing is sent.

        A stale entry ends it, because only a real frame may refresh the FDB.
        """
        if self._remembered is None:
            return
        port, octets = self._remembered
        slot, end = self._scratch, len(octets)
        slot[:end] = octets
        key = tap_key(slot, end)
        flow = self._flows.encap_flows.get((port, key)) if key is not None else None
        if flow is None or self._flows.now >= flow.valid_until:
            return
        transmit = self.encapsulate_one(port, slot, end)
        if transmit is not None:
            count_sent(transmit.next_hop, -transmit.datagrams, -transmit.octets)

    def _classify(
        self, port: AccessPort, slot: memoryview, end: int, key: FlowKey | None
    ) -> EncapFlow | None:
        """Return the flow of a frame that has no valid entry; None if it is dropped and counted.

        Tags that may not pass are stripped from the frame.
        """
        flows = self._flows
        if key is not None:
            known = flows.find_encap((port, key))
            if known is not None:
                return known
        if end < FRAME_AT + ethernet.HEADER_LEN:
            port.drops[Drop.RUNT] += 1
            return None
        frame = slot[:end]
        vlan = ethernet.vlan_id(frame, FRAME_AT)
        overlay = port.overlay_of(vlan)
        if overlay is None:
            port.drops[Drop.UNKNOWN_VLAN] += 1
            return None
        at = FRAME_AT if vlan is None else _strip_tags(overlay, frame, FRAME_AT)
        if end - at < ethernet.HEADER_LEN:
            overlay.drops[Drop.RUNT] += 1
            return None
        flow = classify(overlay, slot, at, end, flows.now, self._source_ports, self._segmenter)
        flow.generation = overlay.generation.number
        if key is not None and not flow.is_hidden:
            flows.encap_flows[port, key] = flow
        return flow

    def _send_gso(self, flow: EncapFlow, slot: memoryview, end: int) -> None:
        """Send a GSO frame that is not part of a run: left to the transport, or segmented alone."""
        queue = self._queue
        transmit = self._unsegmented(flow, slot, end)
        if transmit is not None:
            queue.flush()
            queue.send(transmit)
            return
        overlay, at = flow.overlay, flow.at
        frame = slot[at:end]
        header = partial.shift(virtio.parse(slot, TAP_AT), FRAME_AT - at)
        plan = plan_segments(frame, header, overlay.mtu)
        if plan is None:
            overlay.drops[gso_drop(header, overlay)] += 1
            return
        layout, packet_end = plan
        rows = segment(frame[:packet_end], layout, overlay.header)
        queue.add_datagrams([memoryview(row) for row in rows], flow.next_hop)

    def _unsegmented(self, flow: EncapFlow, slot: memoryview, end: int) -> Transmit | None:
        """Return a GSO frame as it is, its VXLAN header in front, for a transport that takes it.

        None, and nothing is changed, if the transport does not or the frame is too long.
        """
        layout, at = flow.gso, flow.at
        if layout is None or end - at + vxlan.HEADER_LEN > MAX_PAYLOAD:
            return None
        length = slot[flow.ip_length_at] << 8 | slot[flow.ip_length_at + 1]
        if length != end - flow.ip_length_from or end <= flow.payload_at:
            return None
        start = at - vxlan.HEADER_LEN
        slot[start:at] = flow.overlay.header
        gso = GsoFrame.of(layout, end - at)
        count_sent(flow.next_hop, gso.segments, gso.octets)
        return Transmit(flow.next_hop, (slot[start:end],), 0, gso.octets, gso)


def _clamp_mss(flow: EncapFlow, slot: memoryview, end: int) -> None:
    """Lower the MSS of a TCP SYN in place."""
    frame = slot[flow.at : end]
    headers = ip.locate(frame)
    if headers is not None:
        overlay = flow.overlay
        is_partial = bool(flow.csum_at)
        overlay.clamped += mss.clamp_mss(frame, headers, overlay.mtu, partial=is_partial)


def _strip_tags(overlay: Overlay, slot: memoryview, at: int) -> int:
    """Strip the overlay's own tag, and further ones that may not pass; return the new start."""
    if overlay.vlan is not None:
        at = ethernet.pop_tag(slot, at)
    while not overlay.pass_tags and ethernet.vlan_id(slot, at) is not None:
        at = ethernet.pop_tag(slot, at)
    return at
