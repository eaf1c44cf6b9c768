"""Read the frames that a command gets: from a file, standard input, or hexadecimal."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from vtep import pcap
from vtep.decode.hexdump import MAX_TEXT, frames_of
from vtep.dissect import FirstHeader
from vtep.errors import UsageError
from vtep.pcap import CaptureError, Record
from vtep.wire import ethernet, ip

_ETHERTYPES = {ethernet.IPV4, ethernet.IPV6, ethernet.ARP, ethernet.VLAN, ethernet.QINQ}
_ETHERTYPES |= {0x8847, 0x88B5, 0x88CC}
_IP_LINKS = (pcap.RAW_IP, 12, 228, 229)
"""Link types of bare IP packets: LINKTYPE_RAW, its value on older systems, _IPV4, _IPV6."""
_SLL_LEN = {pcap.LINUX_SLL: (14, 16), pcap.LINUX_SLL2: (0, 20)}
"""Position of the EtherType in the header of "any" captures, and the length of that header."""


class InputFrame(NamedTuple):
    """One frame of the input.

    Attributes:
        octets: octets from the first header on, as far as they were captured.
        first: kind of the first header; None if the link type of the capture is unknown here.
        size: length on the wire, in octets.
        record: record of the capture; None for hexadecimal.
    """

    octets: bytes
    first: FirstHeader | None
    size: int
    record: Record | None = None


class Input(NamedTuple):
    """All frames of the input, and whether they come from a capture."""

    frames: Iterator[InputFrame]
    is_capture: bool


def open_input(words: Sequence[str], first: FirstHeader | None) -> Input:
    """Return the frames of a file, of standard input ("-") or of hexadecimal words.

    Args:
        words: words of the command line: one file name, or hexadecimal.
        first: kind of the first header; None: as the capture says, or guessed from the octets.

    Raises:
        UsageError: the words are neither a readable file nor hexadecimal. Iterating over a
            capture may raise CaptureError.
    """
    if list(words) == ["-"]:
        if sys.stdin is None:
            raise UsageError("standard input: closed; give a file or hexadecimal")
        return _of_stream(sys.stdin.buffer, first)
    if len(words) == 1 and (stream := _opened(words[0])) is not None:
        return _of_stream(stream, first)
    if os.path.isfile(words[0]):
        raise UsageError(f"{words[0]}: a file, followed by more words; give one file")
    try:
        frames = frames_of("\n".join(words) if "\n" in "".join(words) else " ".join(words))
    except UsageError as error:
        raise UsageError(f"{words[0]!r}: no such file, and {error}") from error
    return _of_text(frames, first)


def _opened(name: str) -> BinaryIO | None:
    """Return the file of that name; None if it does not exist, as the word may be hexadecimal.

    Raises:
        UsageError: the file exists but cannot be read.
    """
    try:
        return open(name, "rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise UsageError(f"{name}: cannot read: {error.strerror}; give another file") from error


def _of_stream(stream: BinaryIO, first: FirstHeader | None) -> Input:
    try:
        beginning = stream.read(4)
        if pcap.is_capture(beginning):
            return Input(_of_capture(stream, beginning, first), True)
        with stream:
            text = beginning + stream.read(MAX_TEXT + 1)
    except OSError as error:
        raise UsageError(f"input: cannot read: {error.strerror}; give another file") from error
    try:
        decoded = text.decode("ascii")
    except UnicodeDecodeError:
        raise UsageError("input: not pcap, pcapng or hexadecimal; give another file") from None
    return _of_text(frames_of(decoded), first)


def _of_text(frames: list[bytes], first: FirstHeader | None) -> Input:
    if not any(frames):
        raise UsageError("input: no bytes found; give hexadecimal, pcap or pcapng")
    found = (InputFrame(octets, first or guess(octets), len(octets)) for octets in frames)
    return Input(found, False)


def _of_capture(
    stream: BinaryIO, beginning: bytes, first: FirstHeader | None
) -> Iterator[InputFrame]:
    with stream:
        for record in _records(stream, beginning):
            octets, begins = _unwrapped(record)
            removed = len(record.octets) - len(octets)
            size = max(record.size - removed, len(octets))
            yield InputFrame(octets, first or begins, size, record)


def _records(stream: BinaryIO, beginning: bytes) -> Iterator[Record]:
    try:
        yield from pcap.read(stream, beginning)
    except OSError as error:
        raise CaptureError(f"input: cannot read on: {error.strerror}") from error


def _unwrapped(record: Record) -> tuple[bytes, FirstHeader | None]:
    """Return a frame without the capture's own header, and the kind of its first header."""
    octets, link = record.octets, record.interface.link
    if link == pcap.ETHERNET:
        return octets, "ethernet"
    if link in _IP_LINKS:
        return octets, "ip"
    if link in _SLL_LEN:
        at, length = _SLL_LEN[link]
        ethertype = int.from_bytes(octets[at : at + 2], "big")
        if ethertype in (ethernet.IPV4, ethernet.IPV6):
            return octets[length:], "ip"
    return octets, None


def guess(octets: bytes) -> FirstHeader:
    """Return the likely kind of the first header of octets."""
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
