"""The forwarding database (FDB) of one overlay: the VTEP behind which each MAC was last heard.

Theory of operation. A MAC is learned from the source address of a frame, together with the origin
of the frame: the *IP* of the sending VTEP, or LOCAL when it came from the TAP. (The UDP source port
is a hash; answers go to the configured port.) Only receipt refreshes an entry. Sending to a MAC
does not, so the entry of a silent host ages out even while we keep sending to it. A MAC that is
heard elsewhere moves immediately: the newest frame is right.

An entry is dead when it is `ageing` seconds old: lookup checks the age. `expire` only frees the
memory, a bounded number of entries per call, so a million entries never stop the forwarding. A full
table learns nothing more and still forwards: frames to unknown MACs are flooded.

The table maps a MAC directly to one small immutable object, an FdbEntry. All MACs that one batch
hears from one destination share it, so refreshing a MAC stores a reference, or nothing at all if
the batch has refreshed it before.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Literal, NamedTuple, TypeAlias

from vtep.dataplane.counters import Generation

SWEEP_LIMIT = 20_000
"""Entries that one call of expire looks at: about 10 ms in a table of a million."""

ROOM_LIMIT = 2
"""Entries that a full table checks for a dead one when a new MAC arrives."""


class FdbEntry(float):
    """Where and when a MAC was last heard: monotonic seconds, with a destination; never changed.

    It is a float because an entry of two objects costs 32 octets and a cache miss more.
    """

    __slots__ = ("destination",)
    destination: "Destination"


class Destination:
    """Where a MAC can be: a peer, our own side, or a port of a bridge.

    Args:
        name: its name for people; of a peer, its IP address.

    Attributes:
        entry: the last entry that points here; the next MAC of the same batch shares it.
    """

    __slots__ = ("entry", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.entry = _NEVER

    def __repr__(self) -> str:
        """Show the name."""
        return f"{type(self).__name__}({self.name})"


_NEVER = FdbEntry("-inf")

LOCAL = Destination("local")
"""Our own side: the MAC was heard on the TAP."""

ChangeKind: TypeAlias = Literal["learned", "moved", "expired", "refused"]


class Change(NamedTuple):
    """A change of one entry: *mac* is at *destination* now, and was at *before*."""

    kind: ChangeKind
    mac: bytes
    destination: Destination | None
    before: Destination | None


class _Iteration:
    """Position of one iteration: entries below `left` are not yielded yet, except `yielded`."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.yielded: set[bytes] = set()


class Fdb:
    """MAC (6 octets) to where and when it was last heard, for one overlay.

    Args:
        ageing: seconds after which an entry that was not refreshed is dead.
        max_address: the most MACs kept; 0 for no limit (kernel option maxaddress).

    Attributes:
        ageing, max_address: as given.
        learned, moved, expired, refused: entries, counted since the start.
        generation: incremented with every change that can move frames elsewhere.
        on_change: called with each change; None (the default) costs nothing.
    """

    def __init__(self, ageing: float, max_address: int) -> None:
        self.ageing = ageing
        self.max_address = max_address
        self.learned = 0
        self.moved = 0
        self.expired = 0
        self.refused = 0
        self.generation = Generation()
        self.on_change: Callable[[Change], None] | None = None
        self._entries: dict[bytes, FdbEntry] = {}
        # The keys again, because a sweep needs a position to resume at: a dict that changes has
        # none, and copying its keys for every round would stop the forwarding for 10 ms.
        self._macs: list[bytes] = []
        self._unswept = 0
        self._iterations: list[_Iteration] = []

    def __len__(self) -> int:
        """Count the entries held, dead entries that are not swept yet included."""
        return len(self._entries)

    def lookup(self, mac: bytes, now: float) -> FdbEntry | None:
        """Return the live entry of *mac*, or None."""
        entry = self._entries.get(mac)
        return entry if entry is not None and now - entry < self.ageing else None

    def learn(self, mac: bytes, destination: Destination, now: float) -> None:
        """Store that *mac* was heard from *destination* at *now*, which one batch shares."""
        entry = destination.entry
        if entry != now:
            entry = destination.entry = FdbEntry(now)
            entry.destination = destination
        try:  # Cheaper than get() for a MAC that is known, as nearly all are.
            before = self._entries[mac]
        except KeyError:
            self._add(mac, entry)
            return
        if before is entry:
            return
        if now - before >= self.ageing:
            self.expired += 1
            self.learned += 1
            self._report("expired", mac, None, before.destination)
            self._report("learned", mac, destination)
        elif before.destination is not destination:
            self.moved += 1
            self._report("moved", mac, destination, before.destination)
        self._entries[mac] = entry

    def _add(self, mac: bytes, entry: FdbEntry) -> None:
        """Learn a MAC without an entry, if the table has room or a dead entry."""
        if self.max_address and len(self._entries) >= self.max_address:
            self._sweep(ROOM_LIMIT, entry)
            if len(self._entries) >= self.max_address:
                self.refused += 1
                self._report("refused", mac, entry.destination)
                return
        self._entries[mac] = entry
        self._macs.append(mac)
        self.learned += 1
        self._report("learned", mac, entry.destination)

    def expire(self, now: float) -> None:
        """Remove entries that are `ageing` seconds old; looks at SWEEP_LIMIT of them at most."""
        self._sweep(SWEEP_LIMIT, now)

    def _sweep(self, limit: int, now: float) -> None:
        """Look at the next *limit* entries of a round, and remove dead ones.

        A round goes down the list of MACs. The last MAC takes the place of a removed one: this
        round has visited it already, or it is newer than the round.
        """
        entries, macs = self._entries, self._macs
        start = self._unswept or len(macs)
        stop = self._unswept = max(start - limit, 0)
        for at in range(start - 1, stop - 1, -1):
            mac = macs[at]
            entry = entries[mac]
            if now - entry >= self.ageing:
                del entries[mac]
                for iteration in self._iterations:
                    _fix_iteration(iteration, macs, at)
                macs[at] = macs[-1]
                macs.pop()
                self.expired += 1
                self._report("expired", mac, None, entry.destination)

    def _report(
        self,
        kind: ChangeKind,
        mac: bytes,
        destination: Destination | None,
        before: Destination | None = None,
    ) -> None:
        if kind != "refused":
            self.generation.number += 1
        if self.on_change is not None:
            self.on_change(Change(kind, mac, destination, before))

    def iterate(self) -> Generator[tuple[bytes, FdbEntry] | None, None, None]:
        """Yield the entries, dead ones included, while the table may change between steps.

        An entry present from start to end is yielded exactly once; no MAC is yielded twice. None is
        yielded now and then, to keep each step short. Close the generator if it is not exhausted.
        """
        macs, iteration = self._macs, _Iteration(len(self._macs))
        self._iterations.append(iteration)
        try:
            while iteration.left:
                iteration.left -= 1
                mac = macs[iteration.left]
                if mac in iteration.yielded:
                    iteration.yielded.remove(mac)
                    yield None
                else:
                    yield mac, self._entries[mac]
        finally:
            self._iterations.remove(iteration)

    def entries(self, now: float) -> Iterator[tuple[bytes, Destination, float]]:
        """Yield (MAC, destination, age in seconds) of every live entry."""
        for mac, entry in self._entries.items():
            age = now - entry
            if age < self.ageing:
                yield mac, entry.destination, age


def _fix_iteration(iteration: _Iteration, macs: list[bytes], at: int) -> None:
    """Keep an iteration consistent when the last MAC is moved to index *at*."""
    if at < iteration.left:
        iteration.yielded.discard(macs[at])
        if len(macs) > iteration.left:
            iteration.yielded.add(macs[-1])
    # MACs learned from now on are not part of the iteration.
    iteration.left = min(iteration.left, len(macs) - 1)
