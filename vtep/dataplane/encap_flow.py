"""The flow cache entry of encapsulation: what frames with one flow key have in common."""

from collections.abc import Sequence

from vtep.dataplane.counters import STALE, Drop, Flood, OverlayCounters
from vtep.dataplane.fdb import LOCAL, FdbEntry
from vtep.dataplane.overlay import NO_MAC, Overlay
from vtep.dataplane.peer import NextHop, Peer
from vtep.offload import partial
from vtep.offload.inject import GsoLayout
from vtep.offload.segment import plan_segments
from vtep.offload.segment_batch import Segmenter, SegmentTemplate
from vtep.wire import ethernet, ip, virtio
from vtep.wire.flow import flow_number
from vtep.wire.slot import FRAME_AT, TAP_AT

_SYN = 0x02
_TCP_FLAGS_AT = 13
_NOWHERE = NextHop(OverlayCounters(0), (), 0)


class EncapFlow:
    """How frames from a TAP with one flow key are forwarded.

    Attributes:
        overlay: of the frames.
        next_hop: where they go.
        drop: why they are dropped, or None.
        at: octet of the slot at which a frame begins, its tags stripped.
        max_end: octet of the slot at which the longest frame ends that leaves in one datagram.
        csum_at, csum_field: octets of the slot at which a partial checksum starts and is stored; 0
            for a finished one.
        headers: of the first frame; None for a frame that is not IP.
        clamps_mss: whether they are TCP SYNs whose MSS is lowered to the MTU.
        gso: how a transport that takes GSO frames describes them; else None.
        template: how the segmenter segments GSO frames; None if it does not.
        payload_at: octet of the slot at which the payload of a GSO frame begins.
        ip_length_at, ip_length_from: octets of the slot at which the IP length field of a GSO frame
            is, and from which that length counts.
        is_hidden: whether other frames of the same flow may have another key: none of them may
            overtake this one, and it may overtake none.
        generation, valid_until: the entry is valid up to this generation of the tables, and until
            that time in monotonic seconds.
    """

    __slots__ = (
        "_destination",
        "_has_entry",
        "_source",
        "at",
        "clamps_mss",
        "csum_at",
        "csum_field",
        "drop",
        "generation",
        "gso",
        "headers",
        "ip_length_at",
        "ip_length_from",
        "is_hidden",
        "max_end",
        "next_hop",
        "overlay",
        "payload_at",
        "template",
        "valid_until",
    )

    def __init__(self, overlay: Overlay, frame: memoryview, at: int) -> None:
        self._destination = bytes(frame[:6])
        self._source = bytes(frame[6:12])
        self._has_entry = False
        self.overlay = overlay
        self.next_hop = _NOWHERE
        self.drop: Drop | None = None
        self.at = at
        self.max_end = at + overlay.max_frame
        self.csum_at = self.csum_field = 0
        self.headers: ip.Headers | None = None
        self.clamps_mss = False
        self.gso: GsoLayout | None = None
        self.template: SegmentTemplate | None = None
        self.payload_at = self.ip_length_at = self.ip_length_from = 0
        self.is_hidden = True
        self.generation = STALE
        self.valid_until = 0.0

    def resolve(self, sport_index: int, now: float) -> None:
        """Learn the source MAC, and look up the next hop or the reason for a drop."""
        overlay, source = self.overlay, self._source
        if source[0] & 1 or source == NO_MAC:
            self.drop = Drop.INVALID_SOURCE
            self.valid_until = now + overlay.flow_lifetime
            return
        overlay.fdb.learn(source, LOCAL, now)
        entry = self._set_deadline(now)
        self._has_entry = entry is not None
        peers: Sequence[Peer] = overlay.flood
        flood = _flood_cause(self._destination)
        if flood is None:
            peer = entry.destination if entry is not None else None
            if peer is LOCAL:
                self.drop = Drop.LOCAL_DESTINATION
                return
            if isinstance(peer, Peer) and overlay.peers.get(peer.ip) is peer:
                peers = peer.alone
            else:
                flood = Flood.UNKNOWN_UNICAST
        if not peers:
            self.drop = Drop.NO_PEER
            return
        if flood is Flood.UNKNOWN_UNICAST and overlay.on_flood is not None:
            overlay.on_flood(self._destination)
        takes_gso, max_segments = overlay.limits(peers)
        self.next_hop = NextHop(overlay, peers, sport_index, flood, takes_gso, max_segments)

    def refresh(self, now: float) -> bool:
        """Extend the life of an entry that is only too old; return False if it is stale.

        While the generation is the same and the FDB entry lives, classifying again could only learn
        the source MAC and find the same result.
        """
        if self.drop is Drop.INVALID_SOURCE:
            return False
        overlay = self.overlay
        overlay.fdb.learn(self._source, LOCAL, now)
        has_entry = self._set_deadline(now) is not None
        if overlay.generation.number != self.generation or has_entry is not self._has_entry:
            self.generation = STALE
            return False
        return True

    def _set_deadline(self, now: float) -> FdbEntry | None:
        """Make the entry valid until its FDB entry dies; return that, if there is one."""
        overlay = self.overlay
        self.valid_until = now + overlay.flow_lifetime
        entry = overlay.fdb.lookup(self._destination, now)
        if entry is not None:
            self.valid_until = min(self.valid_until, entry + overlay.fdb.ageing)
        return entry


def classify(
    overlay: Overlay,
    slot: memoryview,
    at: int,
    end: int,
    now: float,
    source_ports: int,
    segmenter: Segmenter,
) -> EncapFlow:
    """Decide how a frame and the frames with the same key are forwarded; learn its source MAC.

    Args:
        overlay: of the frame.
        slot: holds the virtio header at slot[6:16], the frame at slot[at:end].
        at: where the frame begins, its tags stripped.
        end: where it ends; it holds at least an Ethernet header.
        now: monotonic seconds.
        source_ports: how many UDP source ports flows are spread over.
        segmenter: makes the templates of GSO frames.
    """
    frame = slot[at:end]
    headers = ip.locate(frame)
    flow = EncapFlow(overlay, frame, at)
    flow.headers = headers
    flow.is_hidden = at != FRAME_AT or not _is_visible(frame, headers)
    sport_index = flow_number(frame, headers) % source_ports
    flow.resolve(sport_index, now)
    if flow.drop is None:
        header = partial.shift(virtio.parse(slot, TAP_AT), FRAME_AT - at)
        if header.gso_type:
            _plan_gso(flow, frame, header, segmenter)
        else:
            _plan_frame(flow, frame, header)
    return flow


def _is_visible(frame: memoryview, headers: ip.Headers | None) -> bool:
    """Tell whether the flow key of a frame names its flow: no fragment, options or extensions."""
    if headers is None:
        return (frame[12] << 8 | frame[13]) not in (ethernet.IPV4, ethernet.IPV6)
    length = ip.IPV4_LEN if headers.version == 4 else ip.IPV6_LEN
    return not headers.fragment and headers.l4 == headers.l3 + length


def gso_drop(header: virtio.VirtioHeader, overlay: Overlay) -> Drop:
    """Return why a GSO frame that `plan_segments` refuses is dropped."""
    one_datagram = header.csum_start + ip.UDP_LEN + header.gso_size
    is_too_long = header.gso_type == virtio.GSO_UDP_L4 and one_datagram > overlay.max_frame
    return Drop.OVERSIZE if is_too_long else Drop.BAD_OFFLOAD


def _flood_cause(destination: bytes) -> Flood | None:
    """Return why frames to that MAC go to all peers; None for unicast."""
    if destination == ethernet.BROADCAST:
        return Flood.BROADCAST
    return Flood.MULTICAST if ethernet.is_group(destination) else None


def _plan_frame(flow: EncapFlow, frame: memoryview, header: virtio.VirtioHeader) -> None:
    """Note what a frame needs before it leaves: its checksum, its MSS."""
    headers = flow.headers
    if header.flags & virtio.NEEDS_CSUM:
        checksum = header.csum_start, header.csum_offset
        if headers is None or checksum != (headers.l4, ip.CHECKSUM_AT.get(headers.protocol)):
            # Whether the field is inside the frame depends on its length, which is not in the key.
            flow.is_hidden = True
        field = header.csum_start + header.csum_offset
        if field + 2 > len(frame):
            flow.drop = Drop.BAD_OFFLOAD
            return
        flow.csum_at = flow.at + header.csum_start
        flow.csum_field = flow.at + field
    if headers is not None and headers.protocol == ip.TCP and flow.overlay.clamp_mss:
        flags_at = headers.l4 + _TCP_FLAGS_AT
        flow.clamps_mss = flags_at < len(frame) and bool(frame[flags_at] & _SYN)


def _plan_gso(
    flow: EncapFlow, frame: memoryview, header: virtio.VirtioHeader, segmenter: Segmenter
) -> None:
    """Plan how GSO frames with these headers leave: segmented here, or by the transport."""
    overlay, at = flow.overlay, flow.at
    plan = plan_segments(frame, header, overlay.mtu)
    if plan is None:
        flow.drop = gso_drop(header, overlay)
        flow.is_hidden = True  # the fault may be in a field outside the key
        return
    layout, _ = plan
    flow.payload_at = at + layout.payload_at
    flow.ip_length_at = at + layout.l3 + (2 if layout.version == 4 else 4)
    flow.ip_length_from = at + layout.l3 + (0 if layout.version == 4 else ip.IPV6_LEN)
    if header.flags & virtio.NEEDS_CSUM and layout.payload_at + layout.size <= overlay.max_frame:
        flow.template = segmenter.template(at, layout)
        if flow.next_hop.takes_gso:
            flow.gso = GsoLayout(header, layout.l3, layout.payload_at, layout.size)
