"""The flow cache entry of decapsulation: what datagrams with one flow key have in common."""

from vtep.dataplane.counters import STALE, Drop
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import Peer
from vtep.dataplane.vtep import Vtep
from vtep.offload.coalesce import GroPacket
from vtep.offload.rows import RowLayout
from vtep.wire import ip, vxlan


class DecapFlow:
    """How datagrams of one inner flow from one sender are delivered.

    Attributes:
        overlay, peer: of the datagrams.
        headers: of the first frame; None for a frame that is not IP.
        addresses: the ones' complement sum of the IP addresses.
        layout, head: the last layout that fitted a row of the flow, and the bits of that row's
            headers that decide on it (`RowViews.like_mask`).
        packet: the GRO packet that waits for more rows, within a batch only.
        has_reserved_bits: whether reserved bits are set in the VXLAN header.
        is_hidden: whether other datagrams of the same flow may have another key: none of them may
            overtake this one, and it may overtake none.
        generation, valid_until: the entry is valid up to this generation of the tables, and until
            that time in monotonic seconds.
    """

    __slots__ = (
        "_source",
        "addresses",
        "generation",
        "has_reserved_bits",
        "head",
        "headers",
        "is_hidden",
        "layout",
        "overlay",
        "packet",
        "peer",
        "valid_until",
    )

    def __init__(
        self, overlay: Overlay, peer: Peer, octets: memoryview, at: int, end: int, now: float
    ) -> None:
        frame = octets[at + vxlan.HEADER_LEN : end]
        self._source = bytes(frame[6:12])
        self.overlay = overlay
        self.peer = peer
        self.headers = ip.locate(frame)
        self.addresses = ip.address_sum(frame, self.headers) if self.headers is not None else 0
        self.layout: RowLayout | None = None
        self.head = 0
        self.packet: GroPacket | None = None
        self.is_hidden = True
        self.generation = STALE
        self.valid_until = 0.0
        self.has_reserved_bits = vxlan.reserved_bits(octets, at)
        self.refresh(now)

    def refresh(self, now: float) -> bool:
        """Learn the source MAC, and extend the life of the entry; return False if it is stale.

        While the generation is the same, classifying again would find the same result.
        """
        overlay, peer = self.overlay, self.peer
        if peer.heard_at is not None:
            peer.heard_at = now
            if overlay.peers.get(peer.ip) is not peer:
                overlay.add_peer(peer, flood=False)
        overlay.fdb.learn(self._source, peer, now)
        self.valid_until = now + overlay.flow_lifetime
        if overlay.generation.number != self.generation:
            self.generation = STALE
            return False
        return True

    def count(self, datagrams: int, octets: int) -> None:
        """Count datagrams as received; *octets* are those of their frames."""
        overlay = self.overlay
        if self.has_reserved_bits:
            overlay.reserved_bits += datagrams
        traffic = overlay.traffic
        traffic.rx_frames += datagrams
        traffic.rx_bytes += octets
        traffic = self.peer.traffic
        traffic.rx_frames += datagrams
        traffic.rx_bytes += octets


def classify(
    vtep: Vtep, octets: memoryview, at: int, end: int, sender: str, now: float
) -> DecapFlow | None:
    """Decide whether a datagram is accepted, and learn its source MAC.

    Args:
        vtep: the tables.
        octets: holds the datagram at octets[at:end].
        at: where the VXLAN header begins.
        end: where the frame ends.
        sender: the outer source IP address as text, with %scope if it is link-local.
        now: monotonic seconds.

    Returns:
        None if it is dropped, and counted.
    """
    frame_at = at + vxlan.HEADER_LEN
    if end < frame_at:
        vtep.drops[Drop.SHORT] += 1
        return None
    vni = vxlan.parse(octets, at)
    if vni is None:
        vtep.drops[Drop.BAD_FLAGS] += 1
        return None
    overlay = vtep.overlays.get(vni)
    if overlay is None:
        vtep.drops[Drop.UNKNOWN_VNI] += 1
        return None
    peer = overlay.peers.get(sender) or vtep.unknown_sender(overlay, sender, now)
    if isinstance(peer, Drop):
        overlay.last_refused = sender
        overlay.drop_received(peer)
        return None
    frame = octets[frame_at:end]
    reason = overlay.drop_reason(frame)
    if reason is not None:
        overlay.drop_received(reason)
        return None
    return DecapFlow(overlay, peer, octets, at, end, now)
