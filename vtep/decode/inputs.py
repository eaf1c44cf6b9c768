"""Frames that somebody gives to a command: a file, standard input, or hexadecimal."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from vtep import pcap as capfile
from vtep.decode.hexdump import MAX_TEXT, frames_of
from vtep.dissect import First
from vtep.errors import UsageError
from vtep.pcap import CaptureError, Record
from vtep.wire import ethernet, ip

_ETHERTYPES = {ethernet.IPV4, ethernet.IPV6, ethernet.ARP, ethernet.VLAN, ethernet.QINQ}
_ETHERTYPES |= {0x8847, 0x88B5, 0x88CC}
_IP_LINKS = (capfile.RAW_IP, 12, 228, 229)
"""Link types of bare IP packets: LINKTYPE_RAW, what older systems wrote for it, _IPV4, _IPV6."""
_SLL_LEN = {capfile.LINUX_SLL: (14, 16), capfile.LINUX_SLL2: (0, 20)}
"""Where the ethertype stands in the header of "any" captures, and how long that is."""


class Given(NamedTuple):
    """One frame that was given.

    Attributes:
        octets: from the first header on.
        first: which header that is; None where the capture says that it is one we do not know.
        size: octets that were on the wire.
        record: what the capture says of it; None for hexadecimal.
    """

    octets: bytes
    first: First | None
    size: int
    record: Record | None = None


class Input(NamedTuple):
    """All frames that were given, and whether they come from a capture."""

    frames: Iterator[Given]
    is_capture: bool


def open_input(words: Sequence[str], first: First | None) -> Input:
    """Return the frames of a file, of standard input ("-") or of hexadecimal words.

    Args:
        words: of the command line: one name, or hexadecimal.
        first: what each begins with; None for what the capture says, or the octets look like.

    Raises:
        ConfigError: no such file, or no hexadecimal. Reading a capture may raise CaptureError.
    """
    if list(words) == ["-"]:
        if sys.stdin is None:
            raise UsageError("standard input is closed: give a file, or hexadecimal")
        return _of_stream(sys.stdin.buffer, first)
    if len(words) == 1 and (stream := _opened(words[0])) is not None:
        return _of_stream(stream, first)
    if os.path.isfile(words[0]):
        raise UsageError(f"{words[0]} is a file, and more than one word is given: give one file")
    try:
        frames = frames_of("\n".join(words) if "\n" in "".join(words) else " ".join(words))
    except UsageError as error:
        raise UsageError(f"{words[0]!r} is no file, and {error}") from error
    return _of_text(frames, first)


def _opened(name: str) -> BinaryIO | None:
    """Return the file of that name; None if there is none, so that it may be hexadecimal.

    Raises:
        ConfigError: there is one, which cannot be read.
    """
    try:
        return open(name, "rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error


def _of_stream(stream: BinaryIO, first: First | None) -> Input:
    try:
        beginning = stream.read(4)
        if capfile.is_capture(beginning):
            return Input(_of_capture(stream, beginning, first), True)
        with stream:
            text = beginning + stream.read(MAX_TEXT + 1)
    except OSError as error:
        raise UsageError(f"the input cannot be read: {error.strerror}") from error
    try:
        decoded = text.decode("ascii")
    except UnicodeDecodeError:
        raise UsageError("neither pcap, pcapng nor hexadecimal") from None
    return _of_text(frames_of(decoded), first)


def _of_text(frames: list[bytes], first: First | None) -> Input:
    if not any(frames):
        raise UsageError("there are no octets in it: give hexadecimal, pcap or pcapng")
    given = (Given(octets, first or guess(octets), len(octets)) for octets in frames)
    return Input(given, False)


def _of_capture(stream: BinaryIO, beginning: bytes, first: First | None) -> Iterator[Given]:
    with stream:
        for record in _records(stream, beginning):
            octets, begins = _unwrapped(record)
            left_out = len(record.octets) - len(octets)
            yield Given(octets, first or begins, max(record.size - left_out, len(octets)), record)


def _records(stream: BinaryIO, beginning: bytes) -> Iterator[Record]:
    try:
        yield from capfile.read(stream, beginning)
    except OSError as error:
        raise CaptureError(f"the input cannot be read on: {error.strerror}") from error


def _unwrapped(record: Record) -> tuple[bytes, First | None]:
    """Return a frame without the header of the capture itself, and what it begins with."""
    octets, link = record.octets, record.interface.link
    if link == capfile.ETHERNET:
        return octets, "ethernet"
    if link in _IP_LINKS:
        return octets, "ip"
    if link in _SLL_LEN:
        at, length = _SLL_LEN[link]
        ethertype = int.from_bytes(octets[at : at + 2], "big")
        if ethertype in (ethernet.IPV4, ethernet.IPV6):
            return octets[length:], "ip"
    return octets, None


def guess(octets: bytes) -> First:
    """Say what octets begin with, by what they look like."""
    if _like_ethernet(octets):
        return "ethernet"
    version = octets[0] >> 4 if octets else 0
    if len(octets) >= ip.IPV4_LEN and version == 4 and octets[0] & 15 >= 5:
        total = int.from_bytes(octets[2:4], "big")
        if octets[9] == ip.UDP or total == len(octets):
            return "ip"
    if len(octets) >= ip.IPV6_LEN and version == 6:
        total = ip.IPV6_LEN + int.from_bytes(octets[4:6], "big")
        if octets[6] in (0, ip.UDP, 43, 44, 60) or total == len(octets):
            return "ip"
    return "vxlan"


def _like_ethernet(octets: bytes) -> bool:
    if len(octets) < ethernet.HEADER_LEN:
        return False
    ethertype = int.from_bytes(octets[12:14], "big")
    follows = octets[14:15]
    if follows and ethertype in (ethernet.IPV4, ethernet.IPV6):
        return follows[0] >> 4 == (4 if ethertype == ethernet.IPV4 else 6)
    return ethertype in _ETHERTYPES
