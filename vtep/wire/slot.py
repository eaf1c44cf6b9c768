"""The slot: one buffer in which a frame keeps its place while its header is exchanged.

             6        8                16                     end
    +--------+--------+----------------+----------------------+
    |  room  |   virtio header (10)    |  Ethernet frame      |   as read from the TAP
    +--------+--------+----------------+----------------------+
    |  room           | VXLAN header   |  Ethernet frame      |   as received from UDP
    +-----------------+----------------+----------------------+

The frame begins at FRAME_AT in both directions, so that encapsulation is one header written
over another, and no frame is copied.  The room in front lets one 802.1Q tag be pushed: the
MACs move four octets to the left.
"""

from typing import Final

import numpy as np

FRAME_AT: Final = 16
"""Octet of a slot at which the Ethernet frame begins."""

TAP_AT: Final = 6
"""Where a TAP read puts its first octet: the virtio header ends at FRAME_AT."""

UDP_AT: Final = 8
"""Where a UDP receive puts its first octet: the VXLAN header ends at FRAME_AT."""

_BULK_LEN = 512
_PLAIN_IPV4 = b"\x08\x00\x45"

SLOT_LEN: Final = 80 * 1024
"""Room for the largest IP packet a super-frame can hold, and for its last segment filled up."""


def bulk_key(slot: memoryview, start: int) -> tuple[int, bytes] | None:
    """Return what decides on a TCP frame of a bulk flow, so that its like need no second decision.

    That is the end of *slot*, its octets from *start* (the header in front of the frame) to the IP
    length, then fragment, TTL and protocol, and TCP's header length and flags.  All else differs
    from one segment to the next, or is compared elsewhere.  None for what is not untagged IPv4
    without options, or short: that is decided on each time.
    """
    if len(slot) < _BULK_LEN or slot[28:31] != _PLAIN_IPV4:
        return None
    return len(slot), b"".join((slot[start:34], slot[36:40], slot[62:64]))


class Slots:
    """Slots in one array, so that numpy sees neighbours as one.

    Attributes:
        octets: (slots, SLOT_LEN).
        views: each slot as a writable memoryview.
    """

    def __init__(self, count: int) -> None:
        self.octets = np.zeros((count, SLOT_LEN), np.uint8)
        self.views = [row.data for row in self.octets]

    def __len__(self) -> int:
        """Count the slots."""
        return len(self.views)
