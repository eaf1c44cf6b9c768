"""Read captures one frame at a time: a file may have any length, and a pipe may still grow.

pcap: draft-ietf-opsawg-pcap. pcapng: draft-ietf-opsawg-pcapng; sections, interfaces, enhanced and
simple packets are read, all other blocks are skipped. Lengths in a file are checked before use.
Only the interfaces of the current section are kept in memory.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vtep.pcap.record import (
    MAX_FRAME,
    PCAP_MAGICS,
    PCAPNG_MAGIC,
    CaptureDirection,
    CaptureError,
    Interface,
    Record,
)

MAX_BLOCK = 1 << 24
"""Maximum length of a block in octets, as in Wireshark."""

MAX_INTERFACES = 4096
"""Maximum number of interfaces of one section."""

MAX_NAME = 256
"""Maximum length of the name and the description of an interface, in characters."""

_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_COMMENT, _NAME, _DESCRIPTION, _FLAGS, _RESOLUTION, _OFFSET = 1, 2, 3, 2, 9, 14
"""Codes of options; the meaning of a code depends on the type of the block."""

_DIRECTIONS: dict[int, CaptureDirection] = {1: "in", 2: "out"}
_NANOSECONDS = 10**9


def read(stream: BinaryIO, beginning: bytes = b"") -> Iterator[Record]:
    """Yield the frames of a capture, in the order of the file.

    Args:
        stream: file or pipe.
        beginning: octets that were already read from the stream, at most four.

    Raises:
        CaptureError: not a capture, or damaged; the frames before the damage were yielded.
    """
    beginning += stream.read(4 - len(beginning))
    if beginning in PCAP_MAGICS:
        yield from _pcap(stream, *PCAP_MAGICS[beginning])
    elif beginning == PCAPNG_MAGIC:
        yield from _pcapng(stream)
    else:
        raise CaptureError("not pcap or pcapng: unknown first four bytes")


def _exactly(stream: BinaryIO, count: int, what: str) -> bytes:
    octets = stream.read(count)
    if len(octets) < count:
        raise CaptureError(f"the file ends inside {what}: {count - len(octets)} bytes are missing")
    return octets


def _pcap(stream: BinaryIO, order: str, unit: int) -> Iterator[Record]:
    header = struct.unpack(f"{order}HHiIII", _exactly(stream, 20, "the file header"))
    # The upper bits of the link type hold the length of a frame check sequence.
    interface = Interface(header[5] & 0x0FFFFFFF)
    number = 0
    while beginning := stream.read(16):
        number += 1
        what = f"frame {number}"
        beginning += _exactly(stream, 16 - len(beginning), what)
        seconds, fraction, kept, size = struct.unpack(f"{order}IIII", beginning)
        _check_size(kept, what)
        octets = _exactly(stream, kept, what)
        yield Record(octets, size, seconds * _NANOSECONDS + fraction * unit, interface)


def _check_size(kept: int, what: str) -> None:
    if kept > MAX_FRAME:
        raise CaptureError(f"{what}: length {kept} is out of range; the maximum is {MAX_FRAME}")


class _CaptureSource(NamedTuple):
    """An interface with its maximum captured length, ticks per second and time offset."""

    interface: Interface
    snap: int
    ticks: int
    offset: int


def _pcapng(stream: BinaryIO) -> Iterator[Record]:
    order = ""
    sources: list[_CaptureSource] = []
    number = 0
    kind_octets = PCAPNG_MAGIC
    while kind_octets:
        number += 1
        what = f"block {number}"
        kind_octets += _exactly(stream, 4 - len(kind_octets), what)
        length_octets = _exactly(stream, 4, what)
        body = b""
        if kind_octets == PCAPNG_MAGIC:
            body = _exactly(stream, 4, what)
            order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(body, "")
            if not order:
                raise CaptureError(f"{what}: the section header has no byte order magic")
            sources = []
        kind, length = struct.unpack(f"{order}II", kind_octets + length_octets)
        if not 12 + len(body) <= length <= MAX_BLOCK or length % 4:
            raise CaptureError(f"{what}: length {length} is out of range")
        body += _exactly(stream, length - 12 - len(body), what)
        if _exactly(stream, 4, what) != length_octets:
            raise CaptureError(f"{what}: its two lengths differ")
        try:
            record = _take(order, kind, body, sources, what)
        except (struct.error, IndexError):
            reason = "its lengths contradict each other, or its interface is unknown"
            raise CaptureError(f"{what}: {reason}") from None
        if record is not None:
            _check_size(len(record.octets), what)
            yield record
        kind_octets = stream.read(4)


def _take(
    order: str, kind: int, body: bytes, sources: list[_CaptureSource], what: str
) -> Record | None:
    """Return the frame of a block, if it has one; add an interface to `sources`.

    Raises struct.error or IndexError if the block is too short for its content.
    """
    if kind == _ENHANCED:
        return _enhanced(order, body, sources)
    if kind == _SIMPLE:
        return _simple(order, body, sources)
    if kind == _INTERFACE:
        sources.append(_source(order, body))
        if len(sources) > MAX_INTERFACES:
            raise CaptureError(f"{what}: more than {MAX_INTERFACES} interfaces in one section")
    elif kind == _SECTION and struct.unpack_from(f"{order}H", body, 4) != (1,):
        raise CaptureError(f"{what}: unknown version of pcapng")
    return None


def _options(order: str, octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(f"{order}HH", octets, at)
        if code == 0:
            return
        yield code, octets[at + 4 : at + 4 + length]
        at += 4 + (length + 3 & ~3)


def _source(order: str, body: bytes) -> _CaptureSource:
    link, _, snap = struct.unpack_from(f"{order}HHI", body)
    options = dict(_options(order, body[8:]))
    resolution = options.get(_RESOLUTION, b"\x06")[0]
    exponent = resolution & 0x7F
    (offset,) = struct.unpack(f"{order}q", options.get(_OFFSET, bytes(8)))
    name, description = (_text(options.get(code, b""))[:MAX_NAME] for code in (_NAME, _DESCRIPTION))
    interface = Interface(link, name, description)
    return _CaptureSource(interface, snap, (2 if resolution & 0x80 else 10) ** exponent, offset)


def _enhanced(order: str, body: bytes, sources: list[_CaptureSource]) -> Record:
    which, high, low, kept, size = struct.unpack_from(f"{order}IIIII", body)
    source = sources[which]
    if kept > len(body) - 20:
        raise IndexError
    ticks = high << 32 | low
    time = ticks * _NANOSECONDS // source.ticks + source.offset * _NANOSECONDS
    comments = []
    flags = 0
    for code, value in _options(order, body[20 + (kept + 3 & ~3) :]):
        if code == _COMMENT:
            comments.append(_text(value))
        elif code == _FLAGS and len(value) == 4:
            (flags,) = struct.unpack(f"{order}I", value)
    octets = body[20 : 20 + kept]
    direction = _DIRECTIONS.get(flags & 3)
    return Record(octets, size, time, source.interface, tuple(comments), direction)


def _simple(order: str, body: bytes, sources: list[_CaptureSource]) -> Record:
    (size,) = struct.unpack_from(f"{order}I", body)
    source = sources[0]
    kept = min(size, source.snap or size, len(body) - 4)
    return Record(body[4 : 4 + kept], size, None, source.interface)


def _text(value: bytes) -> str:
    return value.decode(errors="replace").rstrip("\0")
