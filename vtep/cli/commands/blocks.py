"""A pcapng stream cut into whole blocks, so that a file ends well wherever the stream does."""

import struct

_HEAD = struct.Struct("=II")
_SMALLEST = 12
_STATISTICS, _ENHANCED = 5, 6
_WHICH = struct.Struct("=I")
_LOST = struct.Struct("=Q")
_LOST_AT = 24


class Blocks:
    """Keeps back what is not whole yet, and counts.

    Attributes:
        inner, outer: packets on the TAPs, and on the underlay.
        lost: frames that the file says are missing.
    """

    def __init__(self) -> None:
        self.inner = 0
        self.outer = 0
        self.lost = 0
        self._rest = b""

    def whole(self, part: bytes) -> bytes:
        """Take the next octets of the stream, and return the blocks that are whole now."""
        octets = self._rest + part
        at = 0
        while len(octets) - at >= _SMALLEST:
            kind, length = _HEAD.unpack_from(octets, at)
            length = max(length, _SMALLEST)
            if len(octets) - at < length:
                break
            if kind == _ENHANCED:
                (which,) = _WHICH.unpack_from(octets, at + 8)
                self.outer += which & 1
                self.inner += not which & 1
            elif kind == _STATISTICS and length >= _LOST_AT + _LOST.size:
                (self.lost,) = _LOST.unpack_from(octets, at + _LOST_AT)
            at += length
        self._rest = octets[at:]
        return octets[:at]
