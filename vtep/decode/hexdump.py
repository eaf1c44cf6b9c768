"""Octets from text: plain hexadecimal, and what hexdump -C, xxd, tcpdump -x and Wireshark print."""

import re

from vtep.errors import UsageError

MAX_TEXT = 1 << 24
"""Characters of text at most."""

_OFFSET_LINE = re.compile(r"\s*(?:0x)?([0-9a-fA-F]{4,8})(?::\s+|\s{2,}|\s*$)(.*)")
_GROUP = re.compile(r"(?:[0-9a-fA-F]{2}){1,2}")
_BETWEEN = re.compile(r"0[xX]|\\x|[\s:,.'\"_-]")
_A_LINE = 16


def frames_of(text: str) -> list[bytes]:
    """Return the frames that a text shows.

    Lines that begin with an offset are a dump: each offset 0 begins a frame, and lines without
    one are the words in between, as tcpdump prints them. Any other text is hexadecimal, with an
    empty line between frames; 0x, spaces, colons, commas, dots and dashes are skipped.

    Raises:
        ConfigError: it is neither.
    """
    if len(text) > MAX_TEXT:
        raise UsageError(f"more than {MAX_TEXT} characters of hexadecimal: give a capture file")
    lines = text.splitlines()
    if any(_is_dump_line(line) for line in lines):
        return _dumped(lines)
    return [octets_of(part) for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


def octets_of(text: str) -> bytes:
    """Return octets in plain hexadecimal, in any of the spellings above.

    Raises:
        ConfigError: it is something else, or nothing.
    """
    digits = _BETWEEN.sub("", text)
    wrong = re.search("[^0-9a-fA-F]", digits)
    if wrong:
        raise UsageError(f"not hexadecimal: {wrong.group()!r} is no digit of {_short(text)!r}")
    if not digits:
        raise UsageError("there are no octets in it: write two hexadecimal digits for each")
    if len(digits) % 2:
        raise UsageError(f"not whole octets: {len(digits)} hexadecimal digits, where each has two")
    return bytes.fromhex(digits)


def _is_dump_line(line: str) -> bool:
    """Tell whether a line is the first one of a dump: offset 0, and octets behind it."""
    match = _OFFSET_LINE.fullmatch(line.rstrip())
    return match is not None and int(match[1], 16) == 0 and bool(_octets(match[2]))


def _dumped(lines: list[str]) -> list[bytes]:
    frames: list[bytearray] = []
    for number, line in enumerate(lines, 1):
        if line.strip() == "*":
            raise UsageError(f"line {number}: octets are left out (*): dump with hexdump -v")
        match = _OFFSET_LINE.fullmatch(line.rstrip())
        octets = _octets(match[2]) if match else b""
        if match is None or (match[2] and not octets):
            continue
        offset = int(match[1], 16)
        if offset == 0 and octets:
            frames.append(bytearray())
        if not frames:
            continue
        if offset != len(frames[-1]):
            due = f"{len(frames[-1]):#x}"
            raise UsageError(f"line {number}: its offset is {offset:#x}, where {due} is due")
        frames[-1] += octets
    return [bytes(frame) for frame in frames]


def _octets(line: str) -> bytes:
    """Return the octets of a dump's line, without the characters that follow them."""
    found = ""
    for part in re.split(r"\s{2,}", line.partition("|")[0].strip()):
        groups = part.split(" ")
        if not all(_GROUP.fullmatch(group) for group in groups) or groups == [""]:
            break
        # Two spaces may stand in the middle of a line, but then between eight octets and others.
        if found and (len(found) != _A_LINE or len(groups[0]) != 2):
            break
        found += "".join(groups)
        if len(found) > 2 * _A_LINE:
            return b""
    return bytes.fromhex(found)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:40]}..."
