"""From the underlay to a TAP: what becomes of a batch of datagrams.

    which overlay? the VNI says
    is the sender a peer of it?
    is the source MAC one that can be?  tags allowed?  learn it: the sender
    describe it to the kernel, clamp the MSS
    put the tag on, header over header, to the TAP

A message in a slot may be several datagrams that the kernel merged (UDP_GRO).  Those that are
segments of one TCP flow become one super-frame (offload/coalesce.py), over the ends of messages
too; all others are taken one by one.  What comes out has the order of what came in.  It goes to a
TAP only: nothing from the underlay returns to it.
"""

import errno
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress
from operator import not_
from typing import Any, NamedTuple, TypeAlias

from vtep import mtu as mtu_
from vtep.counters import Drop
from vtep.fdb import Peer
from vtep.offload import partial
from vtep.offload.coalesce import Coalescer, Layout
from vtep.overlay import NO_MAC, Overlay
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.slot import FRAME_AT, UDP_AT, Slots, bulk_key

MAX_LEARNED_PEERS = 65_536
"""The most senders kept under accept-any, per overlay: a spoofer must not fill the memory."""

_WRITE_ERRORS = {
    errno.EAGAIN: Drop.TAP_FULL,
    errno.ENOBUFS: Drop.TAP_FULL,
    errno.ENOMEM: Drop.TAP_FULL,
    errno.EIO: Drop.TAP_DOWN,
}

Message: TypeAlias = tuple[int, str, int]
"""Where it ends in its slot; its sender's IP as text, with %scope if it has one; octets of each
datagram in it but the last, or 0 where there is one."""


class Delivery(NamedTuple):
    """One frame, its virtio header in front, to write to the TAP of *overlay*, in parts."""

    overlay: Overlay
    parts: Sequence[memoryview]


class _Refused(NamedTuple):
    """A datagram that goes no further, and where that is counted."""

    drops: Counter[Drop]
    reason: Drop


class _Bulk(NamedTuple):
    """A message that may be one super-frame, or a part of one."""

    slot: int
    message: Message
    overlay: Overlay
    peer: Peer
    layout: Layout


class Decapsulator:
    """Turns datagrams in slots into frames.

    Args:
        slots: where the datagrams are.
        overlays: by VNI.
        local_addresses: this host's IP addresses as text: a datagram from one of them is an echo.
        port: the UDP port of every VTEP.

    Attributes:
        local_addresses: as given.
        drops: of datagrams that belong to no overlay.
    """

    def __init__(
        self,
        slots: Slots,
        overlays: dict[int, Overlay],
        local_addresses: frozenset[str],
        port: int,
    ) -> None:
        self.drops: Counter[Drop] = Counter()
        self._slots = slots
        self._overlays = overlays
        self.local_addresses = local_addresses
        self._port = port
        self._coalescer = Coalescer(slots)

    # HOT PATH
    def decapsulate(self, received: Sequence[Message], now: float) -> list[Delivery]:
        """Turn messages received from the underlay into frames to write to a TAP.

        Args:
            received: for each of the first slots: a VXLAN header stands at slot[8:16], its frame
                at slot[16:], and the next datagram of the message behind it.
            now: monotonic seconds.
        """
        deliveries: list[list[Delivery]] = [[] for _ in received]
        bulk: list[_Bulk] = []
        decided: dict[Any, _Bulk] = {}
        for index, message in enumerate(received):
            end, sender, size = message
            slot = self._slots.views[index][:end]
            key = (sender, size, bulk_key(slot, UDP_AT))
            if key in decided:
                bulk.append(decided[key]._replace(slot=index))
                continue
            layout = self._coalescer.layout_of(slot, size)
            judged = self._judge(slot, sender, now) if layout is not None else None
            if layout is None or isinstance(judged, _Refused):
                deliveries[index] = self._one_by_one(index, message, now)
            elif judged is not None:
                bulk.append(_Bulk(index, message, *judged, layout))
                if key[2] is not None:
                    decided[key] = bulk[-1]
        good: list[_Bulk] = []
        lonely = [_is_lonely(bulk, number) for number in range(len(bulk))]
        for one in compress(bulk, lonely):
            deliveries[one.slot] = self._one_by_one(one.slot, one.message, now)
        for one, is_one in self._checked(list(compress(bulk, map(not_, lonely)))):
            if is_one:
                self._learn(one, now)
                good.append(one)
            else:
                deliveries[one.slot] = self._one_by_one(one.slot, one.message, now)
        for run in self._chains(good):
            deliveries[run[0].slot] = [self._super_frame(run)]
        return list(chain.from_iterable(deliveries))

    def _judge(self, slot: memoryview, sender: str, now: float) -> tuple[Overlay, Peer] | _Refused:
        """Return the overlay and the peer of the first datagram in *slot*, if it may pass."""
        if len(slot) < FRAME_AT:
            return _Refused(self.drops, Drop.SHORT)
        vni = vxlan.parse(slot, UDP_AT)
        if vni is None:
            return _Refused(self.drops, Drop.BAD_FLAGS)
        overlay = self._overlays.get(vni)
        if overlay is None:
            return _Refused(self.drops, Drop.UNKNOWN_VNI)
        peer = overlay.peers.get(sender) or self._stranger(overlay, sender, now)
        if isinstance(peer, Drop):
            overlay.last_refused = sender
            return _Refused(overlay.drops, peer)
        if len(slot) < FRAME_AT + ethernet.HEADER_LEN:
            return _Refused(overlay.drops, Drop.RUNT)
        source = slot[FRAME_AT + 6 : FRAME_AT + 12]
        if source[0] & 1 or source == NO_MAC:
            return _Refused(overlay.drops, Drop.INVALID_SOURCE)
        if source == overlay.port.mac:
            return _Refused(overlay.drops, Drop.SELF_SOURCE)
        tag = ethernet.vlan_id(slot, FRAME_AT)
        if tag is not None and not overlay.takes_tag(tag):
            return _Refused(overlay.drops, Drop.INNER_VLAN)
        return overlay, peer

    def _stranger(self, overlay: Overlay, sender: str, now: float) -> Peer | Drop:
        """Return a Peer for a sender that is not on the list, to be kept if its frame is good."""
        ip_, _, scope = sender.partition("%")
        if ip_ in self.local_addresses:
            return Drop.SELF_SOURCE
        if not overlay.accept_any:
            return Drop.UNKNOWN_PEER
        if len(overlay.peers) >= MAX_LEARNED_PEERS:
            return Drop.PEER_LIMIT
        ipv6 = ":" in ip_
        address = (ip_, self._port, 0, int(scope or 0)) if ipv6 else (ip_, self._port)
        return Peer(sender, address, heard_at=now)

    # -- one by one

    def _one_by_one(self, index: int, message: Message, now: float) -> list[Delivery]:
        """Take each datagram of a message alone."""
        end, sender, size = message
        slot = self._slots.views[index][:end]
        if not size or end - UDP_AT <= size:
            return self._single(slot, sender, now)
        if _is_one_packet(slot, size):
            return self._single(slot, sender, now, gso_size=size)
        deliveries: list[Delivery] = []
        for at in range(UDP_AT, end, size):
            # A copy: each needs room in front, which is the end of the one before.
            own = memoryview(bytearray(UDP_AT) + slot[at : at + size])
            deliveries += self._single(own, sender, now)
        return deliveries

    def _single(
        self, slot: memoryview, sender: str, now: float, gso_size: int = 0
    ) -> list[Delivery]:
        """Take one datagram; *gso_size* is that of an inner UDP super-frame."""
        judged = self._judge(slot, sender, now)
        if isinstance(judged, _Refused):
            judged.drops[judged.reason] += 1
            return []
        overlay, peer = judged
        frame = slot[FRAME_AT:]
        description = virtio.PLAIN
        headers = ip.locate(frame)
        if headers is not None and partial.is_partial(frame, headers):
            described = partial.describe(frame, headers, overlay.mtu, gso_size)
            if described is None:
                overlay.drops[Drop.OVERSIZE] += 1
                return []
            description = described
        if headers is not None and overlay.clamp_mss:
            begun = description is not virtio.PLAIN
            overlay.clamped += mtu_.clamp_mss(frame, headers, overlay.mtu, partial=begun)
        _count_received(overlay, peer, slot, 1, len(frame), now)
        return [Delivery(overlay, (_finish(overlay, slot, description),))]

    # -- many at once

    def _checked(self, bulk: list[_Bulk]) -> Iterator[tuple[_Bulk, bool]]:
        """Yield each message with whether it is one super-frame; neighbours are checked at once."""
        first = 0
        for number, one in enumerate(bulk, 1):
            following = bulk[number] if number < len(bulk) else None
            if (
                following is None
                or following.slot != one.slot + 1
                or following.layout is not one.layout
            ):
                run = bulk[first:number]
                first = number
                verdicts = self._coalescer.check(run[0].slot, run[-1].slot, one.layout)
                yield from zip(run, verdicts, strict=True)

    def _learn(self, one: _Bulk, now: float) -> None:
        """Note what a message of segments says of its sender."""
        slot, layout = self._slots.views[one.slot], one.layout
        overhead = vxlan.HEADER_LEN * layout.rows
        octets = (layout.rows - 1) * layout.size + layout.last - overhead
        _count_received(one.overlay, one.peer, slot, layout.rows, octets, now)

    def _chains(self, good: Iterable[_Bulk]) -> Iterator[list[_Bulk]]:
        """Yield messages that continue one another together."""
        run: list[_Bulk] = []
        for one in good:
            if run and not self._continues(run, one):
                yield run
                run = []
            run.append(one)
        if run:
            yield run

    def _continues(self, run: list[_Bulk], one: _Bulk) -> bool:
        before = run[-1]
        if one.slot != before.slot + 1 or one.peer is not before.peer:
            return False
        chain_ = [(other.slot, other.layout) for other in run]
        return self._coalescer.continues(one.slot, one.layout, chain_)

    def _super_frame(self, run: list[_Bulk]) -> Delivery:
        """Return the super-frame that the messages of *run* are."""
        first = run[0]
        description, parts = self._coalescer.join([(one.slot, one.layout) for one in run])
        slot = self._slots.views[first.slot][: UDP_AT + first.layout.size]
        return Delivery(first.overlay, (_finish(first.overlay, slot, description), *parts))

    def write_failed(self, delivery: Delivery, error: int) -> None:
        """Count that the TAP did not take *delivery*; *error* is its errno.

        It stays counted as received, which it was; a frame that could not be sent was not sent.
        """
        delivery.overlay.drops[_WRITE_ERRORS.get(error, Drop.TAP_REFUSED)] += 1


def _is_lonely(bulk: list[_Bulk], number: int) -> bool:
    """Tell whether a single segment has no neighbour that it could be joined with."""
    one = bulk[number]
    if one.layout.rows > 1:
        return False
    return not any(
        0 <= other < len(bulk)
        and abs(bulk[other].slot - one.slot) == 1
        and bulk[other].peer is one.peer
        and bulk[other].layout.headers == one.layout.headers
        for other in (number - 1, number + 1)
    )


def _is_one_packet(slot: memoryview, size: int) -> bool:
    """Tell whether a merged message is in truth one inner super-frame.

    A kernel peer on this machine sends an inner UDP super-frame whole, and the kernel takes its
    segment size for that of the datagrams.
    """
    whole = ip.locate(slot[FRAME_AT:])
    return whole is not None and whole.end > size - vxlan.HEADER_LEN


def _finish(overlay: Overlay, slot: memoryview, description: virtio.VirtioHeader) -> memoryview:
    """Put the overlay's tag on the frame, and the virtio header in front; return it from there."""
    at = FRAME_AT
    if overlay.vlan is not None:
        at = ethernet.push_tag(slot, at, overlay.vlan)
        description = partial.shift(description, ethernet.TAG_LEN)
    at -= virtio.HEADER_LEN
    virtio.pack_into(slot, at, description)
    return slot[at:]


def _count_received(
    overlay: Overlay, peer: Peer, slot: memoryview, datagrams: int, octets: int, now: float
) -> None:
    """Learn the source MAC of the frame in *slot*, and count what came with it."""
    if peer.heard_at is not None:
        peer.heard_at = now
        overlay.peers.setdefault(peer.ip, peer)
    overlay.fdb.learn(bytes(slot[FRAME_AT + 6 : FRAME_AT + 12]), peer, now)
    if vxlan.reserved_bits(slot, UDP_AT):
        overlay.reserved_bits += datagrams
    for traffic in (overlay.traffic, peer.traffic):
        traffic.rx_frames += datagrams
        traffic.rx_bytes += octets
