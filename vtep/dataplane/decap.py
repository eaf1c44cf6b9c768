"""From the underlay to a TAP: what becomes of a batch of datagrams.

    may it pass, and what is known of its flow?  (admission.py)
    learn the source MAC: the sender
    join what continues a flow, describe it to the kernel, clamp the MSS
    put the tag on, to the TAP

A message in a slot may be several datagrams that the kernel merged (UDP_GRO).  First the rows of
messages of one size are compared, many at once (inbox.py); then all is gone through in the order it
came.  Segments of one flow that continue one another become one super-frame (offload/coalesce.py);
whatever else a flow brings comes after it.  It goes to a TAP only: nothing from the underlay
returns to it.
"""

import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple

from vtep.dataplane import mss as mtu_
from vtep.dataplane.counters import Drop
from vtep.dataplane.decap_flow import MAX_FLOWS, Admission, Flow
from vtep.dataplane.decap_spans import Message, Span, is_one_packet, spans_of
from vtep.dataplane.overlay import Overlay
from vtep.offload import partial
from vtep.offload.coalesce import Chain, layout_of
from vtep.offload.rows import RowsOf
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.buffer import Readable
from vtep.wire.slot import FRAME_AT, UDP_AT, Pool

_SYN = 0x02
_ETHERTYPE_AT, _IPV4_FIRST = FRAME_AT + 12, 0x08
# VXLAN header to IP length, fragment to protocol, addresses and ports, TCP offset and flags, and
# checksum: that of an unfinished frame depends on the others.
_ipv4_head = struct.Struct(f"{UDP_AT}x26s2x4s2x12s8x2s2x2s").unpack_from
_ipv6_head = struct.Struct(f"{UDP_AT}x66s8x2s2x2s").unpack_from
_PLAIN = bytes(virtio.HEADER_LEN)

_WRITE_ERRORS = {
    errno.EAGAIN: Drop.TAP_FULL,
    errno.ENOBUFS: Drop.TAP_FULL,
    errno.ENOMEM: Drop.TAP_FULL,
    errno.EIO: Drop.TAP_DOWN,
}


class Delivery(NamedTuple):
    """One frame to write to the TAP of *overlay*, in parts, the first of them its virtio header."""

    overlay: Overlay
    parts: Sequence[Readable]


class Decapsulator:
    """Turns datagrams in slots into frames.

    Args:
        pool: where the datagrams are.
        overlays: by VNI.
        local_addresses: this host's IP addresses as text: a datagram from one of them is an echo.
        port: the UDP port of every VTEP.
        trust: do not verify inner checksums before joining, where the outer one was verified.

    Attributes:
        admission: what may pass.
        drops: of datagrams that belong to no overlay.
    """

    def __init__(
        self,
        pool: Pool,
        overlays: dict[int, Overlay],
        local_addresses: frozenset[str],
        port: int,
        *,
        trust: bool = False,
    ) -> None:
        self.admission = Admission(overlays, local_addresses, port)
        self.drops = self.admission.drops
        self._trust = trust
        self._rows = {slots: RowsOf(slots) for slots in (pool.large, pool.small)}
        self._lone: dict[tuple[str, int, tuple[bytes, ...]], tuple[Flow, bytes]] = {}
        self._joining: dict[tuple[str, int, int], Flow] = {}
        self._waiting: list[Flow] = []
        self._deliveries: list[Delivery] = []

    # HOT PATH
    def decapsulate(self, received: Sequence[Message], now: float) -> list[Delivery]:
        """Turn messages received from the underlay into frames to write to a TAP.

        Args:
            received: where they lie: a VXLAN header stands at slot[8:16], its frame at slot[16:],
                and the next datagram of the message behind it.
            now: monotonic seconds.

        Returns:
            Frames in the order of their flows; they point into the slots.
        """
        self.admission.begin()
        deliveries = self._deliveries = []
        for message, spans in zip(
            received, spans_of(received, self._rows, trust=self._trust), strict=True
        ):
            slots, number, end, sender, size = message
            octets = slots.views[number]
            tail = UDP_AT
            if spans is not None:
                for span in spans:
                    self._join(span, sender, now)
                tail = UDP_AT + size * ((end - UDP_AT) // size)
            elif is_one_packet(octets, end, size):
                if any(
                    self.admission.is_ours(octets, at) for at in range(UDP_AT + size, end, size)
                ):
                    self.drops[Drop.AMBIGUOUS] += 1
                else:
                    self._single(octets, UDP_AT, end, sender, now, gso_size=size)
                continue
            for at in range(tail, end, size) if end > UDP_AT else (UDP_AT,):
                self._single(octets, at, min(at + size, end), sender, now)
        self._close_all()
        return deliveries

    # HOT PATH
    def at_once(self, octets: memoryview, end: int, sender: str, now: float) -> Delivery | None:
        """Take a lone datagram that nothing could be joined to (partial.lone); None for another.

        An unfinished one has the checksum of all its like, and its flow and header are theirs.
        """
        head = _ipv4_head(octets) if octets[_ETHERTYPE_AT] == _IPV4_FIRST else _ipv6_head(octets)
        known = self._lone.get((sender, end, head))
        if known is None:
            return self._meet_lone(octets, end, sender, now, head)
        flow, header = known
        if flow.overlay.peers.get(sender) is not flow.peer:
            return None
        flow.count(1, end - FRAME_AT, now)
        return Delivery(flow.overlay, (header, octets[FRAME_AT:end]))

    def _meet_lone(
        self, octets: memoryview, end: int, sender: str, now: float, head: tuple[bytes, ...]
    ) -> Delivery | None:
        """Take one whose like did not come so far, if its flow is known."""
        flow = self.admission.known(octets, UDP_AT, end, sender)
        if flow is None or flow.headers is None or flow.headers.protocol != ip.TCP:
            return None
        overlay = flow.overlay
        if overlay.vlan is not None:
            return None
        frame = octets[FRAME_AT:end]
        header = partial.lone(frame, flow.headers, flow.addresses, overlay.mtu)
        if header is None:
            return None
        if header[0] & virtio.NEEDS_CSUM:
            if len(self._lone) >= MAX_FLOWS:
                self._lone.clear()
            self._lone[sender, end, head] = flow, header
        flow.count(1, end - FRAME_AT, now)
        return Delivery(overlay, (header, frame))

    # -- one by one

    # HOT PATH
    def _single(
        self,
        octets: memoryview,
        at: int,
        end: int,
        sender: str,
        now: float,
        gso_size: int = 0,
    ) -> None:
        """Take the datagram at octets[at:end]; *gso_size* is that of an inner UDP super-frame."""
        flow = self.admission.flow_of(octets, at, end, sender, now)
        if flow is None:
            return
        if not flow.is_keyed:
            self._close_all()  # it may be of any flow that waits
        if flow.chain is not None:
            if flow.chain.add_tail(octets, at, end):
                flow.count(1, end - at - vxlan.HEADER_LEN, now)
                return
            self._close(flow)
        overlay = flow.overlay
        frame = octets[at + vxlan.HEADER_LEN : end]
        description = virtio.PLAIN
        headers = flow.headers
        if headers is not None and headers.protocol == ip.TCP and overlay.vlan is None:
            lone = partial.lone(frame, headers, flow.addresses, overlay.mtu)
            if lone is not None:
                flow.count(1, len(frame), now)
                self._deliveries.append(Delivery(overlay, (lone, frame)))
                return
        if headers is not None and headers.protocol in (ip.TCP, ip.UDP):
            headers = ip.locate(frame)
            if headers is not None and partial.is_partial(frame, headers, flow.addresses):
                described = partial.describe(frame, headers, overlay.mtu, gso_size)
                if described is None:
                    overlay.drops[Drop.OVERSIZE] += 1
                    return
                description = described
            if headers is not None and overlay.clamp_mss and _is_syn(frame, headers):
                begun = description is not virtio.PLAIN
                overlay.clamped += mtu_.clamp_mss(frame, headers, overlay.mtu, partial=begun)
        flow.count(1, len(frame), now)
        self._deliver(overlay, description, frame)

    # HOT PATH
    def _deliver(
        self,
        overlay: Overlay,
        description: virtio.VirtioHeader,
        frame: Readable,
        payload: Sequence[Readable] = (),
    ) -> None:
        """Put the overlay's tag on a frame, and its virtio header in front, for the TAP."""
        if overlay.vlan is not None:
            description = partial.shift(description, ethernet.TAG_LEN)
            payload = (frame[ethernet.MACS_LEN :], *payload)
            frame = bytes(frame[: ethernet.MACS_LEN]) + ethernet.pack_tag(overlay.vlan)
        header = _PLAIN if description is virtio.PLAIN else virtio.pack(description)
        self._deliveries.append(Delivery(overlay, (header, frame, *payload)))

    # -- many at once

    # HOT PATH
    def _join(self, span: Span, sender: str, now: float) -> None:
        """Take rows that continue one another: into the super-frame of their flow, or a new one."""
        rows, octets, at, _, _, _, count, total = span
        head = int.from_bytes(octets[at : at + rows.head_len], "big")
        like = sender, rows.layout.size, head & rows.like_mask
        flow = self._joining.get(like)
        dropped = False
        if flow is None or flow.turn != self.admission.turn:
            flow = self.admission.flow_of(octets, at, at + rows.layout.size, sender, now)
            dropped = flow is None
            if flow is not None and not self._may_join(flow, span, like):
                flow = None
        if flow is None or not (total is None or rows.is_right(head, flow.addresses, total)):
            for number in range(dropped, count):
                octets, at = span.place(number)
                self._single(octets, at, at + rows.layout.size, sender, now)
            return
        if not flow.is_keyed:
            self._close_all()  # it may be of any flow that waits
        flow.count(count, count * (rows.layout.size - vxlan.HEADER_LEN), now)
        chain = flow.chain
        if chain is None:
            self._waiting.append(flow)
            room = 0
        elif count == 1 and chain.add_tail(octets, at, at + rows.layout.size):
            return
        else:
            room = chain.room(rows, octets, at)
        start = 0
        while start < count:
            if room < 1:
                if chain is not None:
                    self._deliver(flow.overlay, *chain.finish())
                if start:
                    octets, at = span.place(start)
                chain = flow.chain = Chain(rows, octets, at, flow.addresses)
                room = rows.fit
            stop = min(start + room, count)
            assert chain is not None
            chain.add(span.payloads(start, stop), *span.place(stop - 1))
            start, room = stop, 0
        if not flow.is_keyed:
            self._close_all()  # nothing overtakes it either

    def _may_join(self, flow: Flow, span: Span, like: tuple[str, int, int]) -> bool:
        """Tell whether the first row is as the layout says, and its TAP takes super-frames."""
        rows, layout, port = span.rows, span.rows.layout, flow.overlay.port
        frame = span.octets[span.at + vxlan.HEADER_LEN : span.at + layout.size]
        takes = port.takes_tso if rows.is_tcp else port.takes_uso
        if not takes or layout_of(frame, layout.size) != layout:
            return False
        if len(self._joining) >= MAX_FLOWS:
            self._joining.clear()
        self._joining[like] = flow
        return True

    def _close(self, flow: Flow) -> None:
        """Deliver the super-frame that waits in *flow*, if one does."""
        chain, flow.chain = flow.chain, None
        if chain is not None:
            self._deliver(flow.overlay, *chain.finish())

    def _close_all(self) -> None:
        for flow in self._waiting:
            self._close(flow)
        self._waiting.clear()

    def write_failed(self, delivery: Delivery, error: int) -> None:
        """Count that the TAP did not take *delivery*; *error* is its errno.

        It stays counted as received, which it was; a frame that could not be sent was not sent.
        """
        delivery.overlay.drops[_WRITE_ERRORS.get(error, Drop.TAP_REFUSED)] += 1


# HOT PATH
def _is_syn(frame: memoryview, headers: ip.Headers) -> bool:
    at = headers.l4 + 13
    return headers.protocol == ip.TCP and at < len(frame) and bool(frame[at] & _SYN)
