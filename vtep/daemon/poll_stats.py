"""The poll budget of a descriptor, and the statistics of its batches."""

import time

MAX_BUDGET = 64
"""Most frames or messages read in one batch; the poll budget, as NAPI calls it."""

_GROWTH = 4
_IDLE_S = 0.001
"""Least pause between two batches of a descriptor whose link is idle."""


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

    def count(self, got: int, began: float) -> float:
        """Count a batch of *got* that began at *began*; return when it ended (monotonic)."""
        ended = time.monotonic()
        self.frames += got
        self.sizes[got.bit_length()] += 1
        self.busy += ended - began
        return ended


class PollBudget:
    """How many frames the next batch of one descriptor may read.

    A read that finds nothing costs as much as forwarding a frame. So the budget follows the number
    of frames that were there: it is one on an idle link, and grows while data is left over.

    Attributes:
        frames: the budget, 1 to MAX_BUDGET.
    """

    __slots__ = ("_ended", "frames")

    def __init__(self) -> None:
        self.frames = 1
        self._ended = 0.0

    def adapt(self, got: int, began: float, ended: float, *, is_busy: bool) -> None:
        """Set the budget after a batch that read *got* of it.

        Args:
            got: frames read.
            began: when the batch began, in monotonic seconds.
            ended: when it ended.
            is_busy: whether the event loop had work without a pause before it.
        """
        if got < self.frames:
            self.frames = got or 1
        elif is_busy or began - self._ended < _IDLE_S:
            self.frames = min(got * _GROWTH, MAX_BUDGET)
        self._ended = ended
