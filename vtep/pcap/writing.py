"""Write pcapng (draft-ietf-opsawg-pcapng): a section, its interfaces, then frames.

Each function returns one block. Write the blocks to a file or pipe in order: the section, the
interfaces, which are numbered from 0, then the frames.
"""

import struct
from collections.abc import Sequence

from vtep.pcap.record import ETHERNET, CaptureDirection

_DIRECTIONS = {"in": 1, "out": 2}
_MAX_OPTION = 0xFFFF
_RESOLUTION = b"\x09"
"""Times are in 10 ** -9 seconds."""


def section_block(application: str) -> bytes:
    """Return the block that begins a file; `application` is the name of the writer."""
    head = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(0x0A0D0D0A, head + _options((4, application.encode())))


def interface_block(
    name: str, description: str = "", *, link: int = ETHERNET, snap: int = 0
) -> bytes:
    """Return the block of an interface; `snap` is the maximum captured length, 0 for no limit."""
    options = [(2, name.encode()), (3, description.encode()), (9, _RESOLUTION)]
    return _block(1, struct.pack("=HHI", link, 0, snap) + _options(*options))


def frame_block(
    interface: int,
    octets: bytes,
    time: int,
    comments: Sequence[str] = (),
    direction: CaptureDirection | None = None,
    size: int | None = None,
) -> bytes:
    """Return the block of one frame.

    Args:
        interface: number of the interface.
        octets: captured octets.
        time: nanoseconds since 1970.
        comments: comments on the frame, each cut to 65535 octets.
        direction: direction, as seen from the capturing host.
        size: length on the wire in octets; None if all octets were captured.
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
    """Return the options that have a value; empty if none has."""
    written = b"".join(
        struct.pack("=HH", code, len(value)) + _padded(value)
        for code, value in ((code, value[:_MAX_OPTION]) for code, value in options)
        if value
    )
    return written + bytes(4) if written else b""


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
