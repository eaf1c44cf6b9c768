"""A peer, the next hop of a flow, and what is sent there.

Everything that leaves for the underlay is a Transmit: datagrams and a NextHop, which names the
peers. Each peer has a Transport with one method, `send`; a UDP socket and the injector have it in
common, and only they know how datagrams leave.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from vtep.dataplane.counters import Drop, Flood, OverlayCounters, Traffic
from vtep.dataplane.fdb import Destination
from vtep.offload.inject import GsoFrame
from vtep.wire import vxlan

MAX_SEGMENTS = 64
"""Most datagrams in one send with UDP_SEGMENT that every kernel takes (linux/udp.h)."""


class Peer(Destination):
    """Another VTEP, as one overlay knows it.

    Args:
        ip: its address as text, the form in which the socket reports senders.
        address: the socket address to send to, with the configured port.
        heard_at: None for a configured peer. For a sender that was accepted under accept-any,
            monotonic seconds of its last datagram: it ages out as a MAC does.

    Attributes:
        alone: this one peer as a sequence, always the same object.
        transport: sends to it.
        traffic: inner frames and octets to and from it.
    """

    __slots__ = ("address", "alone", "heard_at", "traffic", "transport")

    def __init__(
        self, ip: str, address: tuple[str | int, ...], heard_at: float | None = None
    ) -> None:
        super().__init__(ip)
        self.address = address
        self.heard_at = heard_at
        self.traffic = Traffic()
        self.alone = (self,)
        self.transport: Transport = NO_TRANSPORT

    @property
    def ip(self) -> str:
        """Its address as text."""
        return self.name


class NextHop(NamedTuple):
    """Where the frames of a flow go.

    Attributes:
        overlay: the counters of their overlay.
        peers: the VTEPs that get them.
        sport_index: the index of the UDP source port they leave from.
        flood: why they go to all peers; None for one peer.
        takes_gso: whether the transports of all peers take GSO frames.
        max_segments: the most datagrams that each of these transports takes in one Transmit.
    """

    overlay: OverlayCounters
    peers: Sequence[Peer]
    sport_index: int
    flood: Flood | None = None
    takes_gso: bool = False
    max_segments: int = MAX_SEGMENTS


class Transmit(NamedTuple):
    """Datagrams to send to each peer of a next hop.

    Attributes:
        next_hop: where they go.
        parts: one datagram, or several in a row, each `segment_size` long except the last.
        segment_size: octets of each datagram; 0 for a single one.
        octets: of all datagrams, VXLAN headers included.
        gso: None, or the description of the one part: a GSO frame behind its VXLAN header, which
            the transport leaves to the kernel to segment.
    """

    next_hop: NextHop
    parts: Sequence[memoryview]
    segment_size: int
    octets: int
    gso: GsoFrame | None = None

    @property
    def datagrams(self) -> int:
        """The number of datagrams."""
        if self.gso is not None:
            return self.gso.segments
        return -(-self.octets // self.segment_size) if self.segment_size else 1


class Transport(Protocol):
    """Sends to peers.

    Attributes:
        takes_gso: whether a Transmit may hold a GSO frame.
        max_segments: the most datagrams in one Transmit.
    """

    @property
    def takes_gso(self) -> bool:
        """Whether a Transmit may hold a GSO frame."""
        ...

    @property
    def max_segments(self) -> int:
        """The most datagrams in one Transmit."""
        ...

    def send(self, transmit: Transmit, peer: Peer) -> None:
        """Send to *peer*; call `count_unsent` for datagrams that do not leave."""
        ...


class _NoTransport:
    """The transport of a peer before it has one: nothing leaves."""

    takes_gso = False
    max_segments = MAX_SEGMENTS

    def send(self, transmit: Transmit, peer: Peer) -> None:
        """Count everything as not sent."""
        count_unsent(transmit, peer, Drop.NO_ROUTE)


NO_TRANSPORT = _NoTransport()


def count_sent(next_hop: NextHop, datagrams: int, octets: int) -> None:
    """Count datagrams as sent to each peer of a next hop.

    Args:
        next_hop: where they go.
        datagrams: how many, to each peer.
        octets: of all datagrams, VXLAN headers included.
    """
    overlay, peers, _, flood, _, _ = next_hop
    octets -= vxlan.HEADER_LEN * datagrams
    if flood is not None:
        overlay.flooded[flood] += datagrams
    for peer in peers:
        for traffic in (overlay.traffic, peer.traffic):
            traffic.tx_frames += datagrams
            traffic.tx_bytes += octets


def count_unsent(transmit: Transmit, peer: Peer, reason: Drop) -> None:
    """Count that *transmit* did not leave for *peer*, so it was not sent either."""
    datagrams = transmit.datagrams
    overlay = transmit.next_hop.overlay
    overlay.drops[reason] += datagrams
    count_sent(NextHop(overlay, peer.alone, 0), -datagrams, -transmit.octets)
