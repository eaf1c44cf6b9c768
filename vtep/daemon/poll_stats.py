"""The poll budget of a descriptor, and what its batches were like so far."""

import time

MAX_BUDGET = 64
"""Most frames or messages read in one batch; the poll budget, as NAPI calls it."""

_GROWTH = 4


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

    __slots__ = ("frames",)

    def __init__(self) -> None:
        self.frames = 1

    def adapt(self, got: int, *, is_busy: bool) -> None:
        """Set the budget after a batch that read *got* of it.

        *is_busy* tells whether the event loop had work without a pause before this batch.
        """
        if got < self.frames:
            self.frames = got or 1
        elif is_busy:
            self.frames = min(got * _GROWTH, MAX_BUDGET)
