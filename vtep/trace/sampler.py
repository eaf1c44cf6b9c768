"""Subscribers to traced frames. The tracer is installed only while there is at least one.

A tracer makes the forwarder handle each frame on its own, which is slow. So there are two ways to
subscribe. `subscribe` delivers every frame, at that price. `subscribe_sample` delivers some: when
they are used up, the tracer is removed, and a timer installs it again. Frames in between are
forwarded at full speed.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from vtep.trace.outcome import Outcome

Callback: TypeAlias = Callable[[Outcome], None]


class Traceable(Protocol):
    """A forwarder that calls `tracer` with the outcome of every frame, unless it is None."""

    tracer: Callback | None


class TraceHub:
    """The subscribers of one forwarder. Use it in the thread of the forwarder's loop only.

    Args:
        forwarder: its tracer is set and reset.
        burst: sampled frames without a pause: both directions of a quiet network fit in.
        refill: further sampled frames after each `refill_s` seconds.
        refill_s: see there; the defaults are ten frames a second in the long run.
    """

    def __init__(
        self, forwarder: Traceable, burst: int = 20, refill: int = 2, refill_s: float = 0.2
    ) -> None:
        self._forwarder = forwarder
        self._burst = burst
        self._refill_frames = refill
        self._refill_s = refill_s
        self._all: list[Callback] = []
        self._sampled: list[Callback] = []
        self._left = burst
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def subscribe(self, callback: Callback) -> Iterator[None]:
        """Call *callback* with every frame in this block; it must be quick and must not raise."""
        with self._subscribed(self._all, callback):
            yield

    @contextmanager
    def subscribe_sample(self, callback: Callback) -> Iterator[None]:
        """Call *callback* with a sample of the frames in this block; see the class."""
        with self._subscribed(self._sampled, callback):
            yield

    @contextmanager
    def _subscribed(self, subscribers: list[Callback], callback: Callback) -> Iterator[None]:
        subscribers.append(callback)
        self._update_tracer()
        try:
            yield
        finally:
            subscribers.remove(callback)
            self._update_tracer()

    def _update_tracer(self) -> None:
        wanted = bool(self._all) or (bool(self._sampled) and self._left > 0)
        self._forwarder.tracer = self._deliver if wanted else None

    def _deliver(self, outcome: Outcome) -> None:
        for callback in tuple(self._all):
            callback(outcome)
        if self._sampled and self._left > 0:
            self._left -= 1
            if self._timer is None:
                self._start_timer()
            for callback in tuple(self._sampled):
                callback(outcome)
            self._update_tracer()

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._refill_s, self._refill)

    def _refill(self) -> None:
        self._timer = None
        self._left = min(self._left + self._refill_frames, self._burst)
        if self._left < self._burst:
            self._start_timer()
        self._update_tracer()
