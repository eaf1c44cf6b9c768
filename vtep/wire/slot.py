"""The slot: a buffer in which a frame keeps its place while the header before it is replaced.

             6        8                16                     end
    +--------+--------+----------------+----------------------+
    | unused |   virtio header (10)    |  Ethernet frame      |   as read from the TAP
    +--------+--------+----------------+----------------------+
    | unused          | VXLAN header   |  Ethernet frame      |   as received from UDP
    +-----------------+----------------+----------------------+

The frame begins at FRAME_AT in both directions. Encapsulation and decapsulation replace the header
and copy no frame.

A batch uses two arrays of slots. Frames of the usual MTU go to small slots, which need few cache
lines. GSO frames go to neighbouring large slots, so numpy can treat them as one array.
"""

from typing import Final, TypeAlias

import numpy as np

FRAME_AT: Final = 16
"""Offset of the Ethernet frame in a slot."""

TAP_AT: Final = 6
"""Offset at which a TAP read begins: its virtio header ends at FRAME_AT."""

UDP_AT: Final = 8
"""Offset at which a UDP receive begins: its VXLAN header ends at FRAME_AT."""

LARGE_LEN: Final = 80 * 1024 + 192
"""Octets of a large slot: the largest IP packet of a GSO frame with its last segment padded. The
odd number of cache lines spreads the headers of neighbouring slots over the cache sets."""

SMALL_END: Final = 2048
"""Largest end of a frame in a small slot: a frame of the usual MTU fits."""

SMALL_LEN: Final = SMALL_END + 64
"""Octets of a small slot; the extra room lets code read header fields before it checks lengths."""

SMALL_MAX: Final = SMALL_END - FRAME_AT
"""Most octets of frame and header, from either side, that fit a small slot."""


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
"""The place of a frame: the array, the number of its slot there, the end of the frame in octets."""


class BufferPool:
    """The slots of one batch; one direction uses them at a time.

    Attributes:
        large, small: the two arrays.
    """

    def __init__(self, large: int, small: int) -> None:
        self.large = SlotArray(large, LARGE_LEN)
        self.small = SlotArray(small, SMALL_LEN)
