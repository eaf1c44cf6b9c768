"""Those who want to see frames, and the forwarder's witness, which is there only while one does.

A witness makes each frame go alone, which is slow.  So there are two ways to look: *all* sees every
frame, and has its price; *sampled* sees one now and then, for which the witness comes by a timer
and goes with the frame: what forwards the frames in between does not know that anybody looks.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from aiohttp import web

from vtep.forwarder import Forwarder
from vtep.observe import Outcome

SAMPLE_S = 0.05
"""How long after a sampled frame the next one may be."""

Tell: TypeAlias = Callable[[Outcome], None]


class Frames:
    """The listeners of one forwarder; all is to be done on its loop."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._all: list[Tell] = []
        self._sampled: list[Tell] = []
        self._armed = False
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def all(self, tell: Tell) -> Iterator[None]:
        """Tell of every frame for the length of the block; *tell* is to be quick, and not raise."""
        with self._joined(self._all, tell):
            yield

    @contextmanager
    def sampled(self, tell: Tell) -> Iterator[None]:
        """Tell of at most one frame in SAMPLE_S for the length of the block."""
        with self._joined(self._sampled, tell):
            if self._timer is None:
                self._arm()
            yield

    @contextmanager
    def _joined(self, listeners: list[Tell], tell: Tell) -> Iterator[None]:
        listeners.append(tell)
        self._look()
        try:
            yield
        finally:
            listeners.remove(tell)
            if not self._sampled:
                self._disarm()
            self._look()

    def _look(self) -> None:
        """Have a witness if one is needed."""
        wanted = bool(self._all) or self._armed
        self._forwarder.witness = self._tell if wanted else None

    def _tell(self, outcome: Outcome) -> None:
        for tell in tuple(self._all):
            tell(outcome)
        if self._armed:
            self._armed = False
            self._look()
            for tell in tuple(self._sampled):
                tell(outcome)

    def _arm(self) -> None:
        """Want a frame, now and again in SAMPLE_S."""
        self._armed = True
        self._look()
        self._timer = asyncio.get_running_loop().call_later(SAMPLE_S, self._arm)

    def _disarm(self) -> None:
        self._armed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


FRAMES = web.AppKey("frames", Frames)
