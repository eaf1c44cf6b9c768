"""The slot: one buffer in which a frame keeps its place while its header is exchanged.

             6        8                16                     end
    +--------+--------+----------------+----------------------+
    | unused |   virtio header (10)    |  Ethernet frame      |   as read from the TAP
    +--------+--------+----------------+----------------------+
    | unused          | VXLAN header   |  Ethernet frame      |   as received from UDP
    +-----------------+----------------+----------------------+

The frame begins at FRAME_AT in both directions. So encapsulation writes one header over another,
and no frame is copied.

A batch uses two arrays of slots. Frames of the usual MTU go to small slots, close together in few
cache lines. GSO frames go to large ones, in a row, so that numpy sees them as one array.
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
"""Room for the largest IP packet of a GSO frame, its last segment filled up. The odd number of
cache lines keeps the headers of neighbours out of one cache set."""

SMALL_END: Final = 2048
"""Where the frame in a small slot ends at most: a frame of the usual MTU fits."""

SMALL_LEN: Final = SMALL_END + 64
"""The extra room lets code look at header fields before it has checked the length."""

SMALL_MAX: Final = SMALL_END - FRAME_AT
"""Most octets, with the header in front, that go to a small slot from either side."""


class SlotArray:
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


SlotRef: TypeAlias = tuple[SlotArray, int, int]
"""Where a frame is: the array, the number of its slot there, the octet at which the frame ends."""


class BufferPool:
    """The slots of one batch, of one direction at a time.

    Attributes:
        large, small: the two arrays.
    """

    def __init__(self, large: int, small: int) -> None:
        self.large = SlotArray(large, LARGE_LEN)
        self.small = SlotArray(small, SMALL_LEN)
