"""From a TAP to the underlay: what becomes of a batch of frames.

    which overlay? the 802.1Q tag says
    take the tags off, or pass them
    is the source MAC one that can be?  learn it: LOCAL
    to whom? the FDB, or the flood list
    cut, finish checksums, clamp the MSS
    header over header, out of the socket

Super-frames of one shape in neighbouring slots are cut together (offload/segment_batch.py); what
comes out has the order of what went in.
"""

import errno
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from vtep import mtu as mtu_
from vtep.counters import Drop
from vtep.fdb import LOCAL, Peer
from vtep.offload import partial
from vtep.offload.segment import complete_checksum, plan, segment
from vtep.offload.segment_batch import Segmenter, Shape
from vtep.overlay import NO_MAC, AccessPort, Overlay
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.slot import FRAME_AT, TAP_AT, UDP_AT, Slots, bulk_key

MAX_SEGMENTS = 64
"""Most datagrams in one send with UDP_SEGMENT that every kernel takes (linux/udp.h)."""

_SEND_ERRORS = {
    errno.EAGAIN: Drop.SOCKET_FULL,
    errno.ENOBUFS: Drop.SOCKET_FULL,
    errno.ENOMEM: Drop.SOCKET_FULL,
    errno.EMSGSIZE: Drop.UNDERLAY_MTU,
}


class Transmit(NamedTuple):
    """Datagrams to send to each of *peers*; they point into the slots until these are refilled.

    Attributes:
        octets: one datagram, or with *segment_size* several, each of that length but the last.
    """

    overlay: Overlay
    octets: memoryview
    peers: Sequence[Peer]
    segment_size: int = 0

    @property
    def datagrams(self) -> int:
        """How many there are."""
        return -(-len(self.octets) // self.segment_size) if self.segment_size else 1


class _SuperFrame(NamedTuple):
    """One that waits to be cut together with its like."""

    slot: int
    overlay: Overlay
    peers: Sequence[Peer]
    shape: Shape


class Encapsulator:
    """Turns frames in slots into datagrams.

    Args:
        slots: where the frames are.

    Attributes:
        max_segments: the most datagrams of one Transmit; 1 where the kernel cannot cut.
    """

    def __init__(self, slots: Slots) -> None:
        self.max_segments = MAX_SEGMENTS
        self._slots = slots
        self._segmenter = Segmenter(slots)

    # HOT PATH
    def encapsulate(self, port: AccessPort, ends: Sequence[int], now: float) -> list[Transmit]:
        """Turn frames read from the TAP of *port* into datagrams to send.

        Args:
            port: where the frames were read.
            ends: for each of the first slots, where its frame ends: the virtio header stands at
                slot[6:16], the frame at slot[16:end].
            now: monotonic seconds.
        """
        transmits: list[list[Transmit]] = [[] for _ in ends]
        super_frames: list[_SuperFrame] = []
        decided: dict[tuple[int, bytes], _SuperFrame] = {}
        for index, end in enumerate(ends):
            slot = self._slots.views[index][:end]
            key = bulk_key(slot, TAP_AT)
            if key is not None and (like := decided.get(key)) is not None:
                slot[UDP_AT:FRAME_AT] = like.overlay.header
                super_frames.append(like._replace(slot=index))
                _count_sent(like.overlay, like.peers, like.shape.rows, like.shape.octets)
                continue
            if end < FRAME_AT + ethernet.HEADER_LEN:
                port.drops[Drop.RUNT] += 1
                continue
            at = FRAME_AT
            vlan = ethernet.vlan_id(slot, at)
            overlay = port.overlay_of(vlan)
            if overlay is None:
                port.drops[Drop.UNKNOWN_VLAN] += 1
                continue
            if vlan is not None:
                at = _take_tags_off(overlay, slot, at)
            peers = self._destinations(overlay, slot, at, now)
            if isinstance(peers, Drop):
                overlay.drops[peers] += 1
                continue
            made = self._datagrams(overlay, slot, at)
            if isinstance(made, Drop):
                overlay.drops[made] += 1
            elif isinstance(made, Shape):
                super_frames.append(_SuperFrame(index, overlay, peers, made))
                _count_sent(overlay, peers, made.rows, made.octets)
                if key is not None and peers is not overlay.flood:
                    decided[key] = super_frames[-1]
            else:
                transmits[index] = [Transmit(overlay, datagram, peers) for datagram in made]
                _count_sent(overlay, peers, len(made), sum(map(len, made)))
        if super_frames:
            self._cut(super_frames, transmits)
        return list(chain.from_iterable(transmits))

    def _cut(self, super_frames: list[_SuperFrame], transmits: list[list[Transmit]]) -> None:
        """Cut runs of one shape in neighbouring slots together; what results keeps its place."""
        for run in _runs(super_frames):
            shape = run[0].shape
            self._segmenter.cut(run[0].slot, run[-1].slot, shape)
            for slot, overlay, peers, _ in run:
                transmits[slot] = [
                    Transmit(overlay, octets, peers, shape.row_len)
                    for octets in self._segmenter.datagrams(slot, shape, self.max_segments)
                ]

    def _destinations(
        self, overlay: Overlay, slot: memoryview, at: int, now: float
    ) -> Sequence[Peer] | Drop:
        """Learn the source MAC of the frame at *at*; return the peers that get the frame."""
        if len(slot) - at < ethernet.HEADER_LEN:
            return Drop.RUNT
        source = bytes(slot[at + 6 : at + 12])
        if source[0] & 1 or source == NO_MAC:
            return Drop.INVALID_SOURCE
        overlay.fdb.learn(source, LOCAL, now)
        if not slot[at] & 1:
            peer = overlay.fdb.lookup(bytes(slot[at : at + 6]), now)
            if peer is LOCAL:
                return Drop.LOCAL_DESTINATION
            if peer is not None:
                return (peer,)
        if not overlay.flood:
            return Drop.NO_PEER
        overlay.flooded += 1
        return overlay.flood

    def _datagrams(
        self, overlay: Overlay, slot: memoryview, at: int
    ) -> list[memoryview] | Shape | Drop:
        """Return the frame at *at* as datagrams that fit, or the Shape it is to be cut by."""
        frame = slot[at:]
        header = partial.shift(virtio.parse(slot, TAP_AT), FRAME_AT - at)
        if header.gso_type != virtio.GSO_NONE:
            cut = plan(frame, header, overlay.mtu)
            if cut is None:
                one_datagram = header.csum_start + ip.UDP_LEN + header.gso_size
                uncut = header.gso_type == virtio.GSO_UDP_L4 and one_datagram > overlay.max_frame
                return Drop.OVERSIZE if uncut else Drop.BAD_OFFLOAD
            shape = self._segmenter.shape(at, cut)
            if not shape.fits:
                return [memoryview(row) for row in segment(frame, cut, overlay.header)]
            slot[at - vxlan.HEADER_LEN : at] = overlay.header
            return shape
        if header.flags & virtio.NEEDS_CSUM and not complete_checksum(frame, header):
            return Drop.BAD_OFFLOAD
        if len(frame) > overlay.max_frame:
            return Drop.OVERSIZE
        if overlay.clamp_mss:
            headers = ip.locate(frame)
            if headers is not None:
                overlay.clamped += mtu_.clamp_mss(frame, headers, overlay.mtu, partial=False)
        slot[at - vxlan.HEADER_LEN : at] = overlay.header
        return [slot[at - vxlan.HEADER_LEN :]]

    def send_failed(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Count that *transmit* did not leave for *peer*; *error* is the socket's errno."""
        reason = _SEND_ERRORS.get(error, Drop.NO_ROUTE)
        datagrams = transmit.datagrams
        transmit.overlay.drops[reason] += datagrams
        _count_sent(transmit.overlay, (peer,), -datagrams, -len(transmit.octets))


def _take_tags_off(overlay: Overlay, slot: memoryview, at: int) -> int:
    """Take the overlay's own tag off, and any other that may not pass; return the new start."""
    if overlay.vlan is not None:
        at = ethernet.pop_tag(slot, at)
    while not overlay.pass_tags and ethernet.vlan_id(slot, at) is not None:
        at = ethernet.pop_tag(slot, at)
    return at


def _runs(super_frames: list[_SuperFrame]) -> Iterator[list[_SuperFrame]]:
    """Yield those of one shape in neighbouring slots together."""
    run: list[_SuperFrame] = []
    for one in super_frames:
        if run and (one.slot != run[-1].slot + 1 or one.shape is not run[-1].shape):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _count_sent(overlay: Overlay, peers: Sequence[Peer], datagrams: int, octets: int) -> None:
    """Add datagrams, *octets* long with VXLAN headers, to what was sent to each of *peers*."""
    octets -= vxlan.HEADER_LEN * datagrams
    for peer in peers:
        for traffic in (overlay.traffic, peer.traffic):
            traffic.tx_frames += datagrams
            traffic.tx_bytes += octets
