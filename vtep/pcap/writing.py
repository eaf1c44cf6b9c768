"""Writing pcapng (draft-ietf-opsawg-pcapng): a section, its interfaces, then frames.

Each function returns one block, to be put one behind the other into a file or down a pipe: first a
section, then the interfaces, which are numbered from 0 in that order.
"""

import struct
from collections.abc import Sequence

from vtep.pcap.record import ETHERNET, Direction

_DIRECTIONS = {"in": 1, "out": 2}
_MAX_OPTION = 0xFFFF
_RESOLUTION = b"\x09"
"""Times are in 10 ** -9 seconds."""


def section_block(application: str) -> bytes:
    """Return the block that begins a file; `application` wrote it."""
    head = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(0x0A0D0D0A, head + _options((4, application.encode())))


def interface_block(
    name: str, description: str = "", *, link: int = ETHERNET, snap: int = 0
) -> bytes:
    """Return the block of one interface; `snap` octets of a frame are kept, 0 for all of them."""
    options = [(2, name.encode()), (3, description.encode()), (9, _RESOLUTION)]
    return _block(1, struct.pack("=HHI", link, 0, snap) + _options(*options))


def frame_block(
    interface: int,
    octets: bytes,
    time: int,
    comments: Sequence[str] = (),
    direction: Direction | None = None,
    size: int | None = None,
) -> bytes:
    """Return the block of one frame.

    Args:
        interface: its number.
        octets: those that were kept.
        time: nanoseconds since 1970.
        comments: each is cut to 65535 octets.
        direction: seen from the capturing host.
        size: octets on the wire, if not all were kept.
    """
    options = [(1, comment.encode()) for comment in comments]
    if direction is not None:
        options.append((2, struct.pack("=I", _DIRECTIONS[direction])))
    size = len(octets) if size is None else size
    head = struct.pack("=IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(octets), size)
    return _block(6, head + _padded(octets) + _options(*options))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", kind) + length + body + length


def _options(*options: tuple[int, bytes]) -> bytes:
    """Return options, those without a value left out; nothing at all for none."""
    written = b"".join(
        struct.pack("=HH", code, len(value)) + _padded(value)
        for code, value in ((code, value[:_MAX_OPTION]) for code, value in options)
        if value
    )
    return written + bytes(4) if written else b""


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
