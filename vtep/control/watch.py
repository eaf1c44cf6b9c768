"""Who looks at the frames of a running daemon: one witness of the forwarder, several listeners.

A listener is told of all frames, or of a sample: at most twenty a second in the long run, of which
up to twenty may come at once, so that both ways of a quiet network are seen whole.  While nobody
listens, or the sample is used up, the forwarder has no witness and forwards as ever.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from aiohttp import web

from vtep.forwarder import Forwarder
from vtep.observe import Outcome

BURST = 20
"""Frames of the sample that may come at once."""
TICK_S = 0.1
PER_TICK = 2
"""How many more may come after each tick."""
MOST_OCTETS = 4 * 2**20
"""Of the frames that wait for one listener."""
_EACH = 512
"""Octets that an outcome takes beside those of its frames."""


class Seen(NamedTuple):
    """An outcome, and the time of day in seconds."""

    time: float
    outcome: Outcome


class Listener:
    """What waits for one who listens.

    Attributes:
        everything: whether it is told of all frames, not of the sample alone.
        wanted: says which of these are kept for it.
        lost: how many were not kept, because too much waited.
    """

    def __init__(
        self, everything: bool, wanted: Callable[[Outcome], bool] | None, most_octets: int
    ) -> None:
        self.everything = everything
        self.wanted = wanted
        self.lost = 0
        self._waiting: deque[Seen] = deque()
        self._octets = 0
        self._most_octets = most_octets
        self._arrived = asyncio.Event()

    def put(self, seen: Seen) -> None:
        """Keep what was seen, if it is wanted and there is room."""
        if self.wanted is not None and not self.wanted(seen.outcome):
            return
        octets = _octets(seen.outcome)
        if self._octets + octets > self._most_octets:
            self.lost += 1
            return
        self._waiting.append(seen)
        self._octets += octets
        self._arrived.set()

    async def take(self) -> list[Seen]:
        """Wait until there is something, and return all there is, the oldest first."""
        await self._arrived.wait()
        self._arrived.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        self._octets = 0
        return taken


class Watch:
    """Tells listeners what the witness of a forwarder sees; to be used on its loop alone."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._listeners: list[Listener] = []
        self._left = BURST
        self._ticking = False

    @contextmanager
    def listen(
        self,
        *,
        everything: bool = False,
        wanted: Callable[[Outcome], bool] | None = None,
        most_octets: int = MOST_OCTETS,
    ) -> Iterator[Listener]:
        """Tell a new listener for the length of the block."""
        listener = Listener(everything, wanted, most_octets)
        self._listeners.append(listener)
        self._look_or_not()
        try:
            yield listener
        finally:
            self._listeners.remove(listener)
            self._look_or_not()

    def _tell(self, outcome: Outcome) -> None:
        """Be the witness."""
        seen = Seen(time.time(), outcome)
        in_sample = self._left > 0
        for listener in self._listeners:
            if in_sample or listener.everything:
                listener.put(seen)
        self._left -= in_sample
        self._look_or_not()

    def _look_or_not(self) -> None:
        if any(listener.everything or self._left > 0 for listener in self._listeners):
            self._forwarder.witness = self._tell
        else:
            self._forwarder.witness = None
        if self._left < BURST and not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        self._left = min(self._left + PER_TICK, BURST)
        self._look_or_not()


def _octets(outcome: Outcome) -> int:
    frames = sum(len(frame) for _, frame in outcome.frames)
    return _EACH + frames + sum(len(sent.payload) for sent in outcome.datagrams)


WATCH = web.AppKey("watch", Watch)
