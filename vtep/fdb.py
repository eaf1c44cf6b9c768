"""The forwarding database of one overlay: behind which VTEP a MAC was last heard.

Theory of operation.  A MAC is learned from the source address of a frame, to where the frame
came from: the *IP* of the sending VTEP (its UDP port is a hash and says nothing; answers go to
the configured port), or LOCAL when it came from the TAP.  Only receipt refreshes an entry;
sending to a MAC never does, so that an entry for a host that fell silent ages out even while
we keep sending to it.  A MAC heard elsewhere moves at once: the newest frame is right.

An entry is dead the moment it is `ageing` seconds old: lookup checks the age.  `expire` only
gives the memory back, a bounded number of entries a call, so that a million entries never
stop the forwarding.  A full table learns nothing more and forwards all the same: what it does
not know is flooded.
"""

from collections.abc import Iterator

from vtep.counters import Traffic

SWEEP_LIMIT = 20_000
"""Entries looked at by one call of expire: about 2 ms."""


class Peer:
    """Another VTEP, as one overlay knows it.

    Attributes:
        ip: its address as text, the form in which the socket reports senders.
        address: the socket address to send to, with the configured port.
        heard_at: None for a configured peer.  For a sender that was accepted under accept-any,
            monotonic seconds of its last datagram: it is forgotten as a MAC is.
        alone: this one peer as a sequence, always the same object.
    """

    __slots__ = ("address", "alone", "heard_at", "ip", "traffic")

    def __init__(
        self, ip: str, address: tuple[str | int, ...], heard_at: float | None = None
    ) -> None:
        self.ip = ip
        self.address = address
        self.heard_at = heard_at
        self.traffic = Traffic()
        self.alone = (self,)

    def __repr__(self) -> str:
        """Show the address."""
        return f"Peer({self.ip})"


LOCAL = Peer("local", ())
"""Stands in an entry for our own side: the MAC was heard on the TAP."""


class Entry:
    """Where one MAC is, and when it was last heard (monotonic seconds)."""

    __slots__ = ("peer", "seen_at")

    def __init__(self, peer: Peer, seen_at: float) -> None:
        self.peer = peer
        self.seen_at = seen_at


class Fdb:
    """MAC (6 octets) to Entry, for one overlay.

    Attributes:
        ageing: seconds after which an entry that was not heard again is dead.
        max_address: the most MACs that are kept; 0 for no limit (kernel option maxaddress).
        learned, moved, expired, refused: what happened so far, in entries.
    """

    def __init__(self, ageing: float, max_address: int) -> None:
        self.ageing = ageing
        self.max_address = max_address
        self.learned = 0
        self.moved = 0
        self.expired = 0
        self.refused = 0
        self._entries: dict[bytes, Entry] = {}
        self._to_sweep: list[bytes] = []

    def __len__(self) -> int:
        """Count the entries held, those included that are dead and not yet swept."""
        return len(self._entries)

    def lookup(self, mac: bytes, now: float) -> Peer | None:
        """Return where *mac* is (LOCAL for our own side), or None when it is not known."""
        entry = self._entries.get(mac)
        if entry is None or now - entry.seen_at >= self.ageing:
            return None
        return entry.peer

    def learn(self, mac: bytes, peer: Peer, now: float) -> None:
        """Note that *mac* was heard from *peer* just now."""
        entry = self._entries.get(mac)
        if entry is None:
            if self.max_address and len(self._entries) >= self.max_address:
                self._make_room(now)
            if self.max_address and len(self._entries) >= self.max_address:
                self.refused += 1
                return
            self._entries[mac] = Entry(peer, now)
            self.learned += 1
            return
        if now - entry.seen_at >= self.ageing:
            entry.peer = peer
            self.expired += 1
            self.learned += 1
        elif entry.peer is not peer:
            entry.peer = peer
            self.moved += 1
        entry.seen_at = now

    def expire(self, now: float) -> None:
        """Forget entries that are `ageing` seconds old; looks at SWEEP_LIMIT of them at most."""
        if not self._to_sweep:
            self._to_sweep = list(self._entries)
        for mac in self._to_sweep[-SWEEP_LIMIT:]:
            self._forget_if_dead(mac, now)
        del self._to_sweep[-SWEEP_LIMIT:]

    def _make_room(self, now: float) -> None:
        """Forget the oldest entry of a full table, if it is dead."""
        self._forget_if_dead(next(iter(self._entries)), now)

    def _forget_if_dead(self, mac: bytes, now: float) -> None:
        entry = self._entries.get(mac)
        if entry is not None and now - entry.seen_at >= self.ageing:
            del self._entries[mac]
            self.expired += 1

    def entries(self, now: float) -> Iterator[tuple[bytes, Peer, float]]:
        """Yield (MAC, peer, age in seconds) of every live entry."""
        for mac, entry in self._entries.items():
            age = now - entry.seen_at
            if age < self.ageing:
                yield mac, entry.peer, age
