"""One inner flow as it comes from one peer: what is known of it, and what it brings counted."""

from vtep.fdb import Peer
from vtep.offload.coalesce import Chain
from vtep.offload.rows import Layout
from vtep.overlay import Overlay
from vtep.wire import ip, vxlan


class Flow:
    """What is known of the datagrams of one inner flow from one sender.

    Attributes:
        overlay, peer: whose they are.
        source: the inner source MAC.
        reserved: whether reserved bits are set in their VXLAN header.
        headers: where those of the first frame were; None for what is not IP.
        addresses: the ones' complement sum of the IP addresses.
        turn: the batch in which peer and overlay were last found to hold.
        joins: layout and headers, but for what varies, of rows that were found to be joinable.
        chain: what waits to be continued, in this batch only.
    """

    __slots__ = (
        *("addresses", "chain", "headers", "joins", "overlay"),
        *("peer", "reserved", "source", "turn"),
    )

    def __init__(self, overlay: Overlay, peer: Peer, octets: memoryview, at: int, end: int) -> None:
        frame = octets[at + vxlan.HEADER_LEN : end]
        self.overlay = overlay
        self.peer = peer
        self.source = bytes(frame[6:12])
        self.reserved = vxlan.reserved_bits(octets, at)
        self.headers = ip.locate(frame)
        self.addresses = ip.address_sum(frame, self.headers) if self.headers is not None else 0
        self.turn = 0
        self.joins: tuple[Layout, int] | None = None
        self.chain: Chain | None = None


# HOT PATH
def count_received(flow: Flow, datagrams: int, octets: int, now: float) -> None:
    """Learn the source MAC of *flow*, and count what came with it."""
    overlay, peer = flow.overlay, flow.peer
    if peer.heard_at is not None:
        peer.heard_at = now
        overlay.peers.setdefault(peer.ip, peer)
    overlay.fdb.learn(flow.source, peer, now)
    if flow.reserved:
        overlay.reserved_bits += datagrams
    for traffic in (overlay.traffic, peer.traffic):
        traffic.rx_frames += datagrams
        traffic.rx_bytes += octets
