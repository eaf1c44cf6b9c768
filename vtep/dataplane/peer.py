"""Another VTEP as one overlay knows it, and the FDB entry that points to it."""

from vtep.dataplane.counters import Traffic
from vtep.offload.inject import Envelopes


class FdbEntry(float):
    """When a peer was heard, in monotonic seconds, and which one; never changed.

    A float itself, for an entry of two objects costs 32 octets and a cache miss more.
    """

    __slots__ = ("peer",)
    peer: "Peer"


NEVER = FdbEntry("-inf")
"""Of a peer that was not heard yet; in no table, hence of no peer."""


class Peer:
    """Another VTEP, as one overlay knows it.

    Attributes:
        ip: its address as text, the form in which the socket reports senders.
        address: the socket address to send to, with the configured port.
        heard_at: None for a configured peer.  For a sender that was accepted under accept-any,
            monotonic seconds of its last datagram: it is forgotten as a MAC is.
        alone: this one peer as a sequence, always the same object.
        envelopes: what packets to it are injected in; None where the socket sends to it.
        sighting: the last one a MAC was learned with, for the next MAC of the same batch.
    """

    __slots__ = ("address", "alone", "entry", "envelopes", "heard_at", "ip", "traffic")

    def __init__(
        self, ip: str, address: tuple[str | int, ...], heard_at: float | None = None
    ) -> None:
        self.ip = ip
        self.address = address
        self.heard_at = heard_at
        self.envelopes: Envelopes | None = None
        self.entry = NEVER
        self.traffic = Traffic()
        self.alone = (self,)

    def __repr__(self) -> str:
        """Show the address."""
        return f"Peer({self.ip})"


LOCAL = Peer("local", ())
"""Stands in an entry for our own side: the MAC was heard on the TAP."""
