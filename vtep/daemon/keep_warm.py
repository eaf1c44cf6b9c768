"""Keep the idle path warm: rehearse it for a second after each frame that came alone.

After a few milliseconds of idleness the caches are cold, and the first frame costs the interpreter
several times as much as later ones. So for one second after a frame came alone, both directions are
rehearsed every few milliseconds: polling finds nothing, and the last frame repeats its path up to
the send. A rehearsal arrives as a frame does, by a descriptor that becomes readable, because the
event loop's own path is cold, too. It costs about 2 % of a core during that second, and nothing on
a network without traffic (docs/performance.md).
"""

import asyncio
import os
from collections.abc import Callable

WARM_S = 1.0
EVERY_S = 0.004


class KeepWarm:
    """Calls *rehearse* every EVERY_S seconds, for WARM_S after a frame that came alone.

    A tick of the timer is left out if such a frame came since the one before it.

    Args:
        loop: the event loop that reads the devices.
        rehearse: the callback.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rehearse: Callable[[], None]) -> None:
        self._loop = loop
        self._rehearse = rehearse
        self._until = 0.0
        self._are_old = [True, True]  # the last inbound and outbound frame: before the last tick
        self._timer: asyncio.TimerHandle | None = None
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        loop.add_reader(self._fd, self._on_readable)

    def extend(self, now: float, *, outbound: bool) -> bool:
        """Keep the path warm for WARM_S after *now*, the time of a frame that came alone.

        Returns whether to remember the frame: it is the first of its direction since the last tick
        of the timer.
        """
        self._until = now + WARM_S
        if self._timer is None:
            self._timer = self._loop.call_later(EVERY_S, self._tick)
        is_old, self._are_old[outbound] = self._are_old[outbound], False
        return is_old

    def close(self) -> None:
        """Stop rehearsing. Harmless when closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _tick(self) -> None:
        if self._loop.time() < self._until:
            self._timer = self._loop.call_later(EVERY_S, self._tick)
            if all(self._are_old):  # a frame since the last tick has kept the path warm itself
                os.eventfd_write(self._fd, 1)
            self._are_old = [True, True]
        else:
            self._timer = None

    def _on_readable(self) -> None:
        os.eventfd_read(self._fd)
        self._rehearse()
