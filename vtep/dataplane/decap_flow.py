"""Whether a datagram may pass, and what is known of its flow.

which flow?  one met before needs no second look at its headers
which overlay?  the VNI says
is the sender a peer of it?
is the source MAC one that can be?  are its tags allowed?
"""

from collections import Counter

from vtep.dataplane.counters import Drop
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import Peer
from vtep.offload.coalesce import Chain
from vtep.wire import ip, vxlan
from vtep.wire.flow import FlowKey, flow_key

MAX_LEARNED_PEERS = 65_536
"""The most senders kept under accept-any, per overlay: a spoofer must not fill the memory."""

MAX_FLOWS = 4096
"""Most flows whose headers are remembered; a flow that is not costs a few microseconds."""


class Flow:
    """What is known of the datagrams of one inner flow from one sender.

    Attributes:
        overlay, peer: whose they are.
        source: the inner source MAC.
        reserved: whether reserved bits are set in their VXLAN header.
        headers: where those of the first frame were; None for what is not IP.
        addresses: the ones' complement sum of the IP addresses.
        is_keyed: whether it is told from others; else it may be part of any.
        turn: the batch in which peer and overlay were last found to hold.
        chain: what waits to be continued, in this batch only.
    """

    __slots__ = (
        *("addresses", "chain", "headers", "is_keyed", "overlay"),
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
        self.is_keyed = False
        self.turn = 0
        self.chain: Chain | None = None

    # HOT PATH
    def count(self, datagrams: int, octets: int, now: float) -> None:
        """Learn the source MAC, and count what came with it; *octets* are those of the frames."""
        overlay, peer = self.overlay, self.peer
        if peer.heard_at is not None:
            peer.heard_at = now
            overlay.peers.setdefault(peer.ip, peer)
        overlay.fdb.learn(self.source, peer, now)
        if self.reserved:
            overlay.reserved_bits += datagrams
        for traffic in (overlay.traffic, peer.traffic):
            traffic.rx_frames += datagrams
            traffic.rx_bytes += octets


class Admission:
    """Tells what may pass, and counts what may not; remembers flows.

    Args:
        overlays: by VNI.
        local_addresses: this host's IP addresses as text: a datagram from one of them is an echo.
        port: the UDP port of every VTEP.

    Attributes:
        local_addresses: as given.
        drops: of datagrams that belong to no overlay.
        turn: number of the batch.
    """

    def __init__(
        self, overlays: dict[int, Overlay], local_addresses: frozenset[str], port: int
    ) -> None:
        self.local_addresses = local_addresses
        self.drops: Counter[Drop] = Counter()
        self.turn = 0
        self._overlays = overlays
        self._port = port
        self._flows: dict[tuple[str, bytes, FlowKey], Flow] = {}

    def begin(self) -> None:
        """Begin a batch.  Flows are forgotten between batches only: one may have frames waiting."""
        self.turn += 1
        if len(self._flows) >= MAX_FLOWS:
            self._flows.clear()

    # HOT PATH
    def known(self, octets: memoryview, at: int, end: int, sender: str) -> Flow | None:
        """Return the flow of the datagram at octets[at:end] if it was met before, and holds."""
        key = flow_key(octets, at + vxlan.HEADER_LEN, end)
        if key is None:
            return None
        flow = self._flows.get((sender, bytes(octets[at : at + vxlan.HEADER_LEN]), key))
        if flow is None or flow.overlay.peers.get(sender) is not flow.peer:
            return None
        return flow

    def is_ours(self, octets: memoryview, at: int) -> bool:
        """Tell whether what stands at *at* reads as a VXLAN header with a VNI of ours."""
        return vxlan.parse(octets, at) in self._overlays

    # HOT PATH
    def flow_of(
        self, octets: memoryview, at: int, end: int, sender: str, now: float
    ) -> Flow | None:
        """Return the flow of the datagram at octets[at:end]; None if it is dropped, and counted.

        One that does not show its flow at a glance has a Flow of its own.
        """
        key = flow_key(octets, at + vxlan.HEADER_LEN, end)
        if key is None:
            return self._meet(octets, at, end, sender, now)
        full_key = (sender, bytes(octets[at : at + vxlan.HEADER_LEN]), key)
        flow = self._flows.get(full_key)
        if flow is not None and flow.turn == self.turn:
            return flow
        if flow is None or flow.overlay.peers.get(sender) is not flow.peer:
            flow = self._meet(octets, at, end, sender, now)
            if flow is None:
                return None
            if flow.headers is None:  # its lengths are wrong, which says nothing of the next one
                return flow
            self._flows[full_key] = flow
            flow.is_keyed = True
        flow.turn = self.turn
        return flow

    def _meet(self, octets: memoryview, at: int, end: int, sender: str, now: float) -> Flow | None:
        """Return the flow of a datagram that was not met before, if it may pass."""
        frame_at = at + vxlan.HEADER_LEN
        if end < frame_at:
            self.drops[Drop.SHORT] += 1
            return None
        vni = vxlan.parse(octets, at)
        if vni is None:
            self.drops[Drop.BAD_FLAGS] += 1
            return None
        overlay = self._overlays.get(vni)
        if overlay is None:
            self.drops[Drop.UNKNOWN_VNI] += 1
            return None
        peer = overlay.peers.get(sender) or self._stranger(overlay, sender, now)
        if isinstance(peer, Drop):
            overlay.last_refused = sender
            overlay.drops[peer] += 1
            return None
        refused = overlay.why_not(octets[frame_at:end])
        if refused is not None:
            overlay.drops[refused] += 1
            return None
        return Flow(overlay, peer, octets, at, end)

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
