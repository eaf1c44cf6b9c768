"""Ones' complement sums with numpy, over little-endian words.

A ones' complement sum of swapped words is the swapped sum (RFC 1071 section 2(B)). So a sum is
stored as it is computed, and constants that go into it are swapped beforehand.
"""

from typing import Any

import numpy as np
import numpy.typing as npt


def swapped(numbers: Any) -> Any:
    """Return 16-bit numbers with their octets the other way round."""
    return ((numbers & 0xFF) << 8 | numbers >> 8).astype(np.uint32)


def checksums(sums: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return the complement of the folded sums, none of which is 0, in place.

    A folded sum is 1..0xffff, which is one more than the remainder of one less.
    """
    sums -= np.uint32(1)
    sums %= np.uint32(0xFFFF)
    return np.subtract(np.uint32(0xFFFE), sums, out=sums)
