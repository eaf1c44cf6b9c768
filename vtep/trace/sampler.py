"""Those who want to see frames, and the forwarder's witness, which is there only while one does.

A witness makes each frame go alone, which is slow.  So there are two ways to look: *all* sees every
frame, and has its price; *sampled* sees some, and when these are used up the witness goes and comes
back by a timer: what forwards the frames in between does not know that anybody looks.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from vtep.trace.outcome import Outcome

BURST = 20
"""How many sampled frames may come at once: both ways of a quiet network are seen whole."""
REFILL, REFILL_S = 2, 0.2
"""How many more may come after each so many seconds: ten a second in the long run."""

Tell: TypeAlias = Callable[[Outcome], None]


class Traceable(Protocol):
    """A forwarder that calls `tracer` with the outcome of every frame, unless it is None."""

    tracer: Callable[[Outcome], None] | None


class Frames:
    """The listeners of one forwarder; all is to be done on its loop."""

    def __init__(self, forwarder: Traceable) -> None:
        self._forwarder = forwarder
        self._all: list[Tell] = []
        self._sampled: list[Tell] = []
        self._left = BURST
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def all(self, tell: Tell) -> Iterator[None]:
        """Tell of every frame for the length of the block; *tell* is to be quick, and not raise."""
        with self._joined(self._all, tell):
            yield

    @contextmanager
    def sampled(self, tell: Tell) -> Iterator[None]:
        """Tell of some frames for the length of the block, never of more than BURST at once."""
        with self._joined(self._sampled, tell):
            yield

    @contextmanager
    def _joined(self, listeners: list[Tell], tell: Tell) -> Iterator[None]:
        listeners.append(tell)
        self._look()
        try:
            yield
        finally:
            listeners.remove(tell)
            self._look()

    def _look(self) -> None:
        """Have a witness if one is needed."""
        wanted = bool(self._all) or (bool(self._sampled) and self._left > 0)
        self._forwarder.tracer = self._tell if wanted else None

    def _tell(self, outcome: Outcome) -> None:
        for tell in tuple(self._all):
            tell(outcome)
        if self._sampled and self._left > 0:
            self._left -= 1
            if self._timer is None:
                self._wait()
            for tell in tuple(self._sampled):
                tell(outcome)
            self._look()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(REFILL_S, self._refill)

    def _refill(self) -> None:
        self._timer = None
        self._left = min(self._left + REFILL, BURST)
        if self._left < BURST:
            self._wait()
        self._look()
