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

Every small frame comes through learn and lookup, so the table maps a MAC straight to one small
object, a Sighting, that never changes and that all MACs share which were heard from one peer at
one moment, that is in one batch: to hear of a MAC again is to store another sighting, or
nothing at all if the batch has named it before.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Literal, NamedTuple, TypeAlias

from vtep.dataplane.peer import FdbEntry, Peer

SWEEP_LIMIT = 20_000
"""Entries looked at by one call of expire: about 5 ms in a table of a million."""

ROOM_LIMIT = 2
"""Entries looked at for a dead one when a full table hears of a new MAC."""


Kind: TypeAlias = Literal["learned", "moved", "expired", "refused"]


class Change(NamedTuple):
    """What happened to one entry: *mac* is with *peer* now, and was with *before*."""

    kind: Kind
    mac: bytes
    peer: Peer | None
    before: Peer | None


class _Walk:
    """How far a listing is: entries below `left` are still to come, but for those of `told`."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.told: set[bytes] = set()


class Fdb:
    """MAC (6 octets) to where and when it was last heard, for one overlay.

    Attributes:
        ageing: seconds after which an entry that was not heard again is dead.
        max_address: the most MACs that are kept; 0 for no limit (kernel option maxaddress).
        learned, moved, expired, refused: what happened so far, in entries.
        watch: is told of each such change; None, as usual, if nobody wants to know.
    """

    def __init__(self, ageing: float, max_address: int) -> None:
        self.ageing = ageing
        self.max_address = max_address
        self.learned = 0
        self.moved = 0
        self.expired = 0
        self.refused = 0
        self.watch: Callable[[Change], None] | None = None
        self._entries: dict[bytes, FdbEntry] = {}
        # The keys once more, so that a sweep has a place to resume at: a dict that changes has
        # none, and a copy of its keys for every round would stop the forwarding for 10 ms.
        self._macs: list[bytes] = []
        self._unswept = 0
        self._walks: list[_Walk] = []

    def __len__(self) -> int:
        """Count the entries held, those included that are dead and not yet swept."""
        return len(self._entries)

    def lookup(self, mac: bytes, now: float) -> Peer | None:
        """Return where *mac* is (LOCAL for our own side), or None when it is not known."""
        try:  # Cheaper than get() for a MAC that is known, as nearly all are.
            entry = self._entries[mac]
        except KeyError:
            return None
        return entry.peer if now - entry < self.ageing else None

    def entry(self, mac: bytes, now: float) -> tuple[Peer, float] | None:
        """Return where *mac* is and for how many seconds it was not heard; None if not known."""
        entry = self._entries.get(mac)
        if entry is None or now - entry >= self.ageing:
            return None
        return entry.peer, now - entry

    def learn(self, mac: bytes, peer: Peer, now: float) -> None:
        """Note that *mac* was heard from *peer* just now; a batch is to pass one *now*."""
        entry = peer.entry
        if entry != now:
            entry = peer.entry = FdbEntry(now)
            entry.peer = peer
        try:
            before = self._entries[mac]
        except KeyError:
            self._add(mac, entry)
            return
        if before is entry:
            return
        if now - before >= self.ageing:
            self.expired += 1
            self.learned += 1
            self._tell("expired", mac, None, before.peer)
            self._tell("learned", mac, peer)
        elif before.peer is not peer:
            self.moved += 1
            self._tell("moved", mac, peer, before.peer)
        self._entries[mac] = entry

    def _add(self, mac: bytes, entry: FdbEntry) -> None:
        """Learn a MAC that has no entry, if there is room or room can be made."""
        if self.max_address and len(self._entries) >= self.max_address:
            self._sweep(ROOM_LIMIT, entry)
            if len(self._entries) >= self.max_address:
                self.refused += 1
                self._tell("refused", mac, entry.peer)
                return
        self._entries[mac] = entry
        self._macs.append(mac)
        self.learned += 1
        self._tell("learned", mac, entry.peer)

    def expire(self, now: float) -> None:
        """Forget entries that are `ageing` seconds old; looks at SWEEP_LIMIT of them at most."""
        self._sweep(SWEEP_LIMIT, now)

    def _sweep(self, limit: int, now: float) -> None:
        """Look at the next *limit* entries of a round, and forget those that are dead.

        A round goes down the list of MACs.  Where one is taken out the last takes its place,
        which this round has seen already or, if it is newer than the round, need not see.
        """
        entries, macs = self._entries, self._macs
        start = self._unswept or len(macs)
        stop = self._unswept = max(start - limit, 0)
        for at in range(start - 1, stop - 1, -1):
            mac = macs[at]
            entry = entries[mac]
            if now - entry >= self.ageing:
                del entries[mac]
                for walk in self._walks:
                    _keep_right(walk, macs, at)
                macs[at] = macs[-1]
                macs.pop()
                self.expired += 1
                self._tell("expired", mac, None, entry.peer)

    def _tell(self, kind: Kind, mac: bytes, peer: Peer | None, before: Peer | None = None) -> None:
        if self.watch is not None:
            self.watch(Change(kind, mac, peer, before))

    def walk(self) -> Generator[tuple[bytes, FdbEntry] | None, None, None]:
        """Yield the entries, dead ones too, over a time in which the table may change.

        One that is there from the beginning to the end comes once; no MAC comes twice.  None comes
        now and then, so that each step takes little time.  To be closed if not used up.
        """
        macs, walk = self._macs, _Walk(len(self._macs))
        self._walks.append(walk)
        try:
            while walk.left:
                walk.left -= 1
                mac = macs[walk.left]
                if mac in walk.told:
                    walk.told.remove(mac)
                    yield None
                else:
                    yield mac, self._entries[mac]
        finally:
            self._walks.remove(walk)

    def entries(self, now: float) -> Iterator[tuple[bytes, Peer, float]]:
        """Yield (MAC, peer, age in seconds) of every live entry."""
        for mac, entry in self._entries.items():
            age = now - entry
            if age < self.ageing:
                yield mac, entry.peer, age


def _keep_right(walk: _Walk, macs: list[bytes], at: int) -> None:
    """Note what must not come twice when the last of *macs* takes the place of the one at *at*."""
    if at < walk.left:
        walk.told.discard(macs[at])
        if len(macs) > walk.left:
            walk.told.add(macs[-1])
    walk.left = min(walk.left, len(macs) - 1)  # what is learned from now on does not come
