"""Keep the idle path warm: rehearse it for a second after each frame that came alone.

After a few milliseconds of idleness the caches are cold, and the first frame costs an interpreter
several times what later ones do. So for one second after a frame came alone, a timer runs both
directions every few milliseconds, without sending anything: it reads, finds nothing, and repeats
the last frame's way up to the send. That costs about 2 % of a core during that second, nothing on a
network without traffic, and halves the round trip of an idle network (docs/performance.md).
"""

import asyncio
from collections.abc import Callable

WARM_S = 1.0
EVERY_S = 0.004


class KeepWarm:
    """A timer that calls *rehearse* while frames come alone.

    Args:
        loop: runs the timer.
        rehearse: takes the monotonic time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rehearse: Callable[[], None]) -> None:
        self._loop = loop
        self._rehearse = rehearse
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def extend(self, now: float) -> bool:
        """Keep the path warm for WARM_S after *now*; return whether the timer was not running."""
        self._until = now + WARM_S
        if self._timer is not None:
            return False
        self._timer = self._loop.call_later(EVERY_S, self._tick)
        return True

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if self._loop.time() < self._until:
            self._timer = self._loop.call_later(EVERY_S, self._tick)
            self._rehearse()
