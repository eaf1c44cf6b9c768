"""Records of a capture file, the same for both formats."""

from typing import Literal, NamedTuple

ETHERNET, RAW_IP, LINUX_SLL, LINUX_SLL2 = 1, 101, 113, 276
"""Link types: the first header of a frame (LINKTYPE_ values of the tcpdump group)."""

MAX_FRAME = 1 << 18
"""Maximum length of a frame in octets, as in tcpdump; a file with a longer one is damaged."""

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order, and nanoseconds per unit of the fraction of a time."""

CaptureDirection = Literal["in", "out"]


class CaptureError(Exception):
    """A file is not a capture, or is damaged; the message is one line with place and reason."""


class Interface(NamedTuple):
    """The device on which frames were captured.

    Attributes:
        link: link type.
        name, description: name and description of the device; empty if the file has none.
    """

    link: int
    name: str = ""
    description: str = ""


class Record(NamedTuple):
    """One captured frame.

    Attributes:
        octets: captured octets.
        size: length on the wire, in octets.
        time: nanoseconds since 1970; None if the file has no time.
        interface: device on which it was captured.
        comments: comments on the frame.
        direction: direction, as seen from the capturing host.
    """

    octets: bytes
    size: int
    time: int | None
    interface: Interface
    comments: tuple[str, ...] = ()
    direction: CaptureDirection | None = None


def is_capture(beginning: bytes) -> bool:
    """Return whether a file that begins with these octets, at least four, is a capture."""
    return beginning[:4] == PCAPNG_MAGIC or beginning[:4] in PCAP_MAGICS
