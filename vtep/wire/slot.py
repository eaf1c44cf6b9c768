"""The slot: one buffer in which a frame keeps its place while its header is exchanged.

             6        8                16                     end
    +--------+--------+----------------+----------------------+
    |  room  |   virtio header (10)    |  Ethernet frame      |   as read from the TAP
    +--------+--------+----------------+----------------------+
    |  room           | VXLAN header   |  Ethernet frame      |   as received from UDP
    +-----------------+----------------+----------------------+

The frame begins at FRAME_AT in both directions, so that encapsulation is one header written over
another, and no frame is copied.

A batch lies in two sets of slots.  Everything is read into a large one, which a super-frame fills.
What turns out to be short is moved to a small one, and the large one is read into again: so
super-frames lie next to each other whatever came between them, where numpy sees them as one array,
and short frames lie close together, in few cache lines.
"""

from typing import Final, TypeAlias

import numpy as np

FRAME_AT: Final = 16
"""Octet of a slot at which the Ethernet frame begins."""

TAP_AT: Final = 6
"""Where a TAP read puts its first octet: the virtio header ends at FRAME_AT."""

UDP_AT: Final = 8
"""Where a UDP receive puts its first octet: the VXLAN header ends at FRAME_AT."""

LARGE_LEN: Final = 80 * 1024 + 192
"""Room for the largest IP packet a super-frame can hold, and for its last segment filled up.
The odd number of cache lines keeps the headers of neighbours out of one cache set."""

SMALL_LEN: Final = 2048 + 64
SMALL_MAX: Final = 2048 - FRAME_AT
"""Most octets, with the header in front, that are moved to a small slot: a frame of the usual MTU.
The room behind it is for those who look at a header without asking first whether it is there."""


class Slots:
    """Slots of one length in one array.

    Attributes:
        octets: (slots, length).
        views: each slot as a writable memoryview.
    """

    def __init__(self, count: int, length: int) -> None:
        self.octets = np.zeros((count, length), np.uint8)
        self.views = [row.data for row in self.octets]

    def __len__(self) -> int:
        """Count the slots."""
        return len(self.views)


Place: TypeAlias = tuple[Slots, int, int]
"""Where a frame lies: in which set, the number of its slot there, the octet of it where it ends."""


class Pool:
    """The slots of one batch, of one direction at a time.

    Attributes:
        large, small: the two sets.
    """

    def __init__(self, large: int, small: int) -> None:
        self.large = Slots(large, LARGE_LEN)
        self.small = Slots(small, SMALL_LEN)
