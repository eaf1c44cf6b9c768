"""From a TAP to the underlay: what becomes of a batch of frames.

    which flow?  one met before needs no second look at its headers
    which overlay?  the 802.1Q tag says
    take the tags off, or pass them
    is the source MAC one that can be?  learn it: LOCAL
    to whom?  the FDB, or the flood list
    cut, finish checksums, clamp the MSS
    header over header, out of the socket

To peers with envelopes a super-frame is not cut: it is injected as it is (offload/inject.py), if it
is not too long for one packet.
Neighbouring super-frames of one shape are cut together (offload/segment_batch.py), and equal-sized
frames of one lane are sent together (outbox.py): what comes out has the order of what went in
within each lane, and so within each flow.
"""

import errno
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from vtep.dataplane import mss as mtu_
from vtep.dataplane.counters import Drop, Flood
from vtep.dataplane.encap_flow import Flow, Made
from vtep.dataplane.encap_queue import MAX_SEGMENTS, Outbox, Route, Transmit, count_sent
from vtep.dataplane.overlay import NO_MAC, AccessPort, Overlay
from vtep.dataplane.peer import LOCAL, Peer
from vtep.offload import partial
from vtep.offload.inject import Whole
from vtep.offload.segment import complete_checksum, plan, segment
from vtep.offload.segment_batch import Segmenter, Shape
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.flow import FlowKey, flow_key
from vtep.wire.slot import FRAME_AT, TAP_AT, Place, Pool

MAX_FLOWS = 4096
"""Most flows whose headers are remembered, per TAP; a flow that is not costs a few microseconds."""

_SYN = 0x02
_VXLAN_AT = FRAME_AT - vxlan.HEADER_LEN
_ETHERTYPE_AT = FRAME_AT + 12
_IPV4_FIRST = 0x08
# All that decides on a bulk frame: virtio header to IP length, fragment to protocol, addresses and
# ports, TCP offset and flags; not ID, checksums, sequence and acknowledgement numbers.
_ipv4_head = struct.Struct(f"{TAP_AT}x28s2x4s2x12s8x2s").unpack_from
_ipv6_head = struct.Struct(f"{TAP_AT}x68s8x2s").unpack_from

_SEND_ERRORS = {
    errno.EAGAIN: Drop.SOCKET_FULL,
    errno.ENOBUFS: Drop.SOCKET_FULL,
    errno.ENOMEM: Drop.SOCKET_FULL,
    errno.EMSGSIZE: Drop.UNDERLAY_MTU,
}
_INJECT_ERRORS = {
    errno.EAGAIN: Drop.INJECT_FULL,
    errno.ENOBUFS: Drop.INJECT_FULL,
    errno.ENOMEM: Drop.INJECT_FULL,
}


class Encapsulator:
    """Turns frames in slots into datagrams.

    Args:
        pool: where the frames are.
        lanes: how many source ports there are to spread flows over.

    Attributes:
        max_segments: the most datagrams of one Transmit; 1 where the kernel cannot cut.
    """

    def __init__(self, pool: Pool, lanes: int) -> None:
        self._pool = pool
        self._segmenter = Segmenter(pool.large)
        self._outbox = Outbox(self._segmenter, MAX_SEGMENTS)
        self._lanes = lanes
        self._flows: dict[AccessPort, dict[FlowKey, Flow]] = {}
        self._alike: dict[tuple[AccessPort, int, Any], tuple[Flow, Shape | Whole]] = {}
        self._turn = 0
        self._now = 0.0

    @property
    def max_segments(self) -> int:
        """The most datagrams of one Transmit."""
        return self._outbox.max_segments

    @max_segments.setter
    def max_segments(self, most: int) -> None:
        self._outbox.max_segments = most

    # HOT PATH
    def encapsulate(
        self, port: AccessPort, frames: Sequence[Place], now: float
    ) -> Iterator[Transmit]:
        """Turn frames read from the TAP of *port* into datagrams to send, in the order to send.

        What is yielded is valid until the next is asked for.

        Args:
            port: where the frames were read.
            frames: where they lie: the virtio header at slot[6:16], the frame at slot[16:end].
            now: monotonic seconds.
        """
        self._turn += 1
        outbox = self._outbox
        flows = self._flows.setdefault(port, {})
        large = self._pool.large
        is_hidden = False
        for slots, number, end in frames:
            slot = slots.views[number]
            if is_hidden:
                yield from outbox.rest()  # ... and nothing overtakes it
                is_hidden = False
            if slots is large and slot[TAP_AT + virtio.GSO_TYPE_AT]:
                before = self._like_before(port, slot, end, now)
                if before is not None and isinstance(shape := before[1], Shape):
                    route, overlay = before[0].route, before[0].overlay
                    slot[_VXLAN_AT:FRAME_AT] = overlay.header
                    if not outbox.goes_on(number, shape, route):
                        yield from outbox.super_frame(number, shape, route)
                    continue
            key = flow_key(slot, FRAME_AT, end)
            known = flows.get(key) if key is not None else None
            if known is None:
                known = self._meet(port, slot, end)
                if known is None:
                    continue
                if key is None or known.headers is None:
                    key = None
                    yield from outbox.rest()  # it may be of any flow: it overtakes nothing ...
                    is_hidden = True
                else:
                    if len(flows) >= MAX_FLOWS:
                        flows.clear()
                    flows[key] = known
            flow = known
            if flow.turn != self._turn:
                self._look_up(flow, now)
            overlay = flow.overlay
            if flow.refused is not None:
                overlay.drops[flow.refused] += 1
            elif slot[TAP_AT + virtio.GSO_TYPE_AT]:
                if slots is large:
                    cut = self._shape(flow, slot, end, remember=key is not None)
                else:
                    cut = self._plan(flow, slot, end, many=False)
                if isinstance(cut, Shape):
                    if key is not None:
                        self._remember(port, slot, end, flow, cut)
                    _put_header(flow, slot)
                    yield from outbox.super_frame(number, cut, flow.route)
                elif isinstance(cut, Whole):
                    if key is not None:
                        self._remember(port, slot, end, flow, cut)
                    part = slot[_put_header(flow, slot) : end]
                    yield from outbox.uncut(part, cut, flow.route)
                elif isinstance(cut, Drop):
                    overlay.drops[cut] += 1
                else:
                    for datagram in cut:
                        yield from outbox.datagram(datagram, flow.route)
            else:
                refused = _finish(flow, slot, end)
                if refused is not None:
                    overlay.drops[refused] += 1
                    continue
                datagram = slot[_put_header(flow, slot) : end]
                if len(frames) == 1:
                    yield outbox.alone(datagram, flow.route)
                    return
                yield from outbox.datagram(datagram, flow.route)
        yield from outbox.rest()

    # HOT PATH
    def uncut(
        self, port: AccessPort, slot: memoryview, end: int, now: float
    ) -> tuple[Whole, Route] | None:
        """Make a super-frame read from the TAP of *port* ready to be injected, at once.

        Nothing may wait before it.  It stands at slot[8:end] then, VXLAN header in front, and is
        counted as sent.

        Args:
            port: where it was read.
            slot: holds the virtio header at slot[6:16], the frame at slot[16:end].
            end: where the frame ends.
            now: monotonic seconds, the same in one batch.

        Returns:
            What it is, and where it goes.  None, and nothing done, for one that must go through
            `encapsulate`: none like it did so far, or it is not to be injected.
        """
        if now != self._now:
            self._now = now
            self._turn += 1
        before = self._like_before(port, slot, end, now)
        if before is None or not isinstance(whole := before[1], Whole):
            return None
        route = before[0].route
        slot[_VXLAN_AT:FRAME_AT] = route.overlay.header
        count_sent(route, whole.rows, whole.octets)
        return whole, route

    # HOT PATH
    def _like_before(
        self, port: AccessPort, slot: memoryview, end: int, now: float
    ) -> tuple[Flow, Shape | Whole] | None:
        """Return what became of super-frames like the one in *slot*, if that is still so."""
        known = self._alike.get((port, end, _head(slot)))
        if known is not None:
            flow, made = known
            if flow.turn != self._turn:
                self._look_up(flow, now)
            if flow.refused is None and flow.route.injects is isinstance(made, Whole):
                return known
        return None

    def _remember(
        self, port: AccessPort, slot: memoryview, end: int, flow: Flow, made: Shape | Whole
    ) -> None:
        """Note what becomes of untagged TCP super-frames like the one in *slot*."""
        if flow.headers is not None and flow.headers.protocol == ip.TCP:
            if len(self._alike) >= MAX_FLOWS:
                self._alike.clear()
            self._alike[port, end, _head(slot)] = flow, made

    def _meet(self, port: AccessPort, slot: memoryview, end: int) -> Flow | None:
        """Return the flow of a frame that was not met before; None if it is dropped, and counted.

        Tags that do not pass are taken off the frame.
        """
        if end < FRAME_AT + ethernet.HEADER_LEN:
            port.drops[Drop.RUNT] += 1
            return None
        frame_end = slot[:end]
        vlan = ethernet.vlan_id(frame_end, FRAME_AT)
        overlay = port.overlay_of(vlan)
        if overlay is None:
            port.drops[Drop.UNKNOWN_VLAN] += 1
            return None
        at = FRAME_AT if vlan is None else _take_tags_off(overlay, frame_end, FRAME_AT)
        if end - at < ethernet.HEADER_LEN:
            overlay.drops[Drop.RUNT] += 1
            return None
        return Flow(overlay, slot, at, end, self._lanes)

    # HOT PATH
    def _look_up(self, flow: Flow, now: float) -> None:
        """Learn the source MAC of a flow, and note which peers get its frames in this batch."""
        flow.turn = self._turn
        flow.refused = None
        overlay, source, destination = flow.overlay, flow.source, flow.destination
        if source[0] & 1 or source == NO_MAC:
            flow.refused = Drop.INVALID_SOURCE
            return
        overlay.fdb.learn(source, LOCAL, now)
        flood = flow.group
        peer = overlay.fdb.lookup(destination, now) if flood is None else None
        if peer is LOCAL:
            flow.refused = Drop.LOCAL_DESTINATION
        elif peer is not None or overlay.flood:
            peers = overlay.flood if peer is None else peer.alone
            if peer is None and flood is None:
                flood = Flood.UNKNOWN_UNICAST
                if overlay.on_unknown is not None:
                    overlay.on_unknown(destination)
            injects = peers[0].envelopes is not None and all(
                one.envelopes is not None for one in peers
            )
            if flow.route.peers is not peers or flow.route.injects is not injects:
                flow.route = Route(flow.lane, overlay, peers, injects, flood)
        else:
            flow.refused = Drop.NO_PEER

    # HOT PATH
    def _shape(self, flow: Flow, slot: memoryview, end: int, remember: bool) -> Made:
        """Return how the super-frame in *slot* is cut, or what it was cut into, or why it is not.

        A Shape or a Whole depends on the headers alone: frames with the same ones have the same.
        """
        headers = flow.headers
        if headers is None:
            return Drop.BAD_OFFLOAD
        l3, l4 = flow.at + headers.l3, flow.at + headers.l4
        length_at = l3 + 2 if headers.version == 4 else l3 + 4
        key = (
            end,
            bytes(slot[TAP_AT:FRAME_AT]),
            bytes(slot[length_at : length_at + 2]),
            slot[l3 + 6],
            slot[min(l4 + 12, end - 1)],
            flow.route.injects,
        )
        shape = flow.shapes.get(key)
        if shape is None:
            shape = self._plan(flow, slot, end, many=True)
            if remember and isinstance(shape, Shape | Whole):
                if len(flow.shapes) >= MAX_FLOWS:
                    flow.shapes.clear()
                flow.shapes[key] = shape
        return shape

    def _plan(self, flow: Flow, slot: memoryview, end: int, *, many: bool) -> Made:
        """Return how it is cut with *many* alike, or what it was cut into, or why it is not."""
        overlay, at = flow.overlay, flow.at
        frame = slot[at:end]
        header = partial.shift(virtio.parse(slot, TAP_AT), FRAME_AT - at)
        cut = plan(frame, header, overlay.mtu)
        if cut is None:
            one_datagram = header.csum_start + ip.UDP_LEN + header.gso_size
            uncut = header.gso_type == virtio.GSO_UDP_L4 and one_datagram > overlay.max_frame
            return Drop.OVERSIZE if uncut else Drop.BAD_OFFLOAD
        if many and header.flags & virtio.NEEDS_CSUM:
            whole = Whole(header, cut)
            if flow.route.injects and whole.fits:
                return whole
            shape = self._segmenter.shape(at, cut)
            if shape.fits:
                return shape
        return [memoryview(row) for row in segment(frame, cut, overlay.header)]

    def send_failed(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Count that *transmit* did not leave for *peer*; *error* is the socket's errno."""
        self._not_sent(transmit, peer, _SEND_ERRORS.get(error, Drop.NO_ROUTE))

    def inject_failed(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Count that *transmit* was not injected for *peer*; *error* is the injector's errno."""
        self._not_sent(transmit, peer, _INJECT_ERRORS.get(error, Drop.INJECT_REFUSED))

    def _not_sent(self, transmit: Transmit, peer: Peer, reason: Drop) -> None:
        datagrams = transmit.datagrams
        transmit.overlay.drops[reason] += datagrams
        count_sent(Route(transmit.lane, transmit.overlay, peer.alone), -datagrams, -transmit.octets)


# HOT PATH
def _head(slot: memoryview) -> Any:
    """Return what all super-frames that are cut alike and go the same way have in common."""
    return _ipv4_head(slot) if slot[_ETHERTYPE_AT] == _IPV4_FIRST else _ipv6_head(slot)


# HOT PATH
def _put_header(flow: Flow, slot: memoryview) -> int:
    """Put the VXLAN header before a frame that is to leave; return where it begins."""
    start = flow.at - vxlan.HEADER_LEN
    slot[start : flow.at] = flow.overlay.header
    return start


# HOT PATH
def _finish(flow: Flow, slot: memoryview, end: int) -> Drop | None:
    """Finish the checksum of one frame and clamp its MSS, in place; return why it cannot be."""
    overlay, at = flow.overlay, flow.at
    if slot[TAP_AT] & virtio.NEEDS_CSUM:
        header = partial.shift(virtio.parse(slot, TAP_AT), FRAME_AT - at)
        if not complete_checksum(slot[at:end], header):
            return Drop.BAD_OFFLOAD
    if end - at > overlay.max_frame:
        return Drop.OVERSIZE
    headers = flow.headers
    if headers is not None and headers.protocol == ip.TCP and overlay.clamp_mss:
        flags_at = at + headers.l4 + 13
        if flags_at < end and slot[flags_at] & _SYN:
            frame = slot[at:end]
            found = ip.locate(frame)
            if found is not None:
                overlay.clamped += mtu_.clamp_mss(frame, found, overlay.mtu, partial=False)
    return None


def _take_tags_off(overlay: Overlay, slot: memoryview, at: int) -> int:
    """Take the overlay's own tag off, and any other that may not pass; return the new start."""
    if overlay.vlan is not None:
        at = ethernet.pop_tag(slot, at)
    while not overlay.pass_tags and ethernet.vlan_id(slot, at) is not None:
        at = ethernet.pop_tag(slot, at)
    return at
