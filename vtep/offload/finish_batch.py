"""Finish equal frames in small slots together: checksums and headers by one numpy pass each."""

from collections.abc import Sequence

import numpy as np

from vtep.offload.sums import checksums
from vtep.wire import ip
from vtep.wire.slot import SlotArray

MIN_OCTETS = 4096
"""Fewest octets of all frames together that numpy finishes faster than a loop over the frames."""


# HOT PATH: bench udp
def complete_checksums(
    slots: SlotArray, numbers: Sequence[int], start: int, field: int, end: int
) -> None:
    """Complete the partial checksum of frames of one length, in place.

    This is `segment.store_checksum` for many frames.

    Args:
        slots: the array they are in.
        numbers: of their slots, in ascending order.
        start: octet of each slot from which is summed.
        field: octet of each slot at which the checksum is stored, big-endian.
        end: octet of each slot at which the frame ends.
    """
    octets, rows = slots.octets, _rows(numbers)
    is_odd = end - start & 1
    words = octets[:, start : end - is_odd].view("<u2")[rows]
    sums = np.add.reduce(words, axis=1, dtype=np.uint32)
    if is_odd:
        sums += octets[rows, end - 1]
    finished = checksums(sums)
    if field - start == ip.CHECKSUM_AT[ip.UDP]:
        finished[finished == 0] = 0xFFFF  # 0 would mean "no checksum" (RFC 768)
    octets[:, field : field + 2].view("<u2")[rows, 0] = finished


def put_headers(slots: SlotArray, numbers: Sequence[int], at: int, header: bytes) -> None:
    """Write the same header into many slots, its first octet at *at*."""
    slots.octets[_rows(numbers), at : at + len(header)] = np.frombuffer(header, np.uint8)


def _rows(numbers: Sequence[int]) -> slice | np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return an index of these rows: a slice, which copies nothing, if they are neighbours."""
    first, count = numbers[0], len(numbers)
    if numbers[-1] - first == count - 1:
        return slice(first, first + count)
    return np.array(numbers)
