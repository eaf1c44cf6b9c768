"""What stands in a capture file, whichever format it has."""

from typing import Literal, NamedTuple

ETHERNET, RAW_IP, LINUX_SLL, LINUX_SLL2 = 1, 101, 113, 276
"""Link types: what a frame begins with (LINKTYPE_ values of the tcpdump group)."""

MAX_FRAME = 1 << 18
"""Octets of a frame at most, as in tcpdump; a file that says more is broken."""

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order, and nanoseconds of one unit of a time's fraction."""

Direction = Literal["in", "out"]


class CaptureError(Exception):
    """A file that is no capture, or is broken from some place on; one line says where and how."""


class Interface(NamedTuple):
    """Where frames were captured.

    Attributes:
        link: link type.
        name, description: of the device; empty where the file says nothing.
    """

    link: int
    name: str = ""
    description: str = ""


class Record(NamedTuple):
    """One captured frame.

    Attributes:
        octets: as many as were kept.
        size: as many as were on the wire.
        time: nanoseconds since 1970; None where the file says nothing.
        interface: where it was captured.
        comments: what somebody noted about it.
        direction: seen from the capturing host.
    """

    octets: bytes
    size: int
    time: int | None
    interface: Interface
    comments: tuple[str, ...] = ()
    direction: Direction | None = None


def is_capture(beginning: bytes) -> bool:
    """Tell whether a file that begins with these octets (four at least) says it is a capture."""
    return beginning[:4] == PCAPNG_MAGIC or beginning[:4] in PCAP_MAGICS
