"""The poll budget of a descriptor, and what its batches were like so far."""

import time

MAX_BUDGET = 64
"""Most frames or messages read in one batch; the poll budget, as NAPI calls it."""

_GROWTH = 4
_BUSY_S = 0.001
"""Longest pause between two batches of a link that is not idle."""


class PollStats:
    """How one direction was polled so far.

    Attributes:
        frames: frames or messages read.
        sizes: how many batches had 0, 1, 2-3, 4-7, ... 64 of them.
        busy: seconds spent on them.
    """

    __slots__ = ("busy", "frames", "sizes")

    def __init__(self) -> None:
        self.frames = 0
        self.sizes = [0] * (MAX_BUDGET.bit_length() + 1)
        self.busy = 0.0

    def count(self, got: int, began: float) -> None:
        """Count a batch of *got* that began at *began*, in monotonic seconds."""
        self.frames += got
        self.sizes[got.bit_length()] += 1
        self.busy += time.monotonic() - began


class PollBudget:
    """How many frames the next batch of one descriptor may read.

    A read that finds nothing costs as much as forwarding a frame. So the budget follows the number
    of frames that were there: on an idle link it is one, and it grows while data is left over.

    Attributes:
        frames: the budget, 1 to MAX_BUDGET.
    """

    __slots__ = ("_polled_at", "frames")

    def __init__(self) -> None:
        self.frames = 1
        self._polled_at = 0.0

    def adapt(self, got: int, now: float) -> None:
        """Set the budget after a batch at *now* that read *got* of it."""
        if got < self.frames:
            self.frames = got or 1
        elif now - self._polled_at < _BUSY_S:
            self.frames = min(got * _GROWTH, MAX_BUDGET)
        self._polled_at = now
