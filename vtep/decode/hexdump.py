"""Read octets from text: hexadecimal, and the output of hexdump -C, xxd, tcpdump -x, Wireshark."""

import re

from vtep.errors import UsageError

MAX_TEXT = 1 << 24
"""Maximum length of the text, in characters."""

_OFFSET_LINE = re.compile(r"\s*(?:0x)?([0-9a-fA-F]{4,8})(?::\s+|\s{2,}|\s*$)(.*)")
_GROUP = re.compile(r"(?:[0-9a-fA-F]{2}){1,2}")
_BETWEEN = re.compile(r"0[xX]|\\x|[\s:,.'\"_-]")
_A_LINE = 16


def frames_of(text: str) -> list[bytes]:
    """Return the frames in a text.

    If a line begins with an offset, the text is a dump: each offset 0 begins a frame, and lines
    without an offset, such as the summaries of tcpdump, are skipped. Any other text is
    hexadecimal, with an empty line between frames; 0x, spaces, colons, commas, dots and dashes
    are skipped.

    Raises:
        UsageError: the text is neither.
    """
    if len(text) > MAX_TEXT:
        raise UsageError(
            f"hexadecimal: longer than {MAX_TEXT} characters; use a capture file instead"
        )
    lines = text.splitlines()
    if any(_is_dump_line(line) for line in lines):
        return _dumped(lines)
    return [octets_of(part) for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


def octets_of(text: str) -> bytes:
    """Return the octets of plain hexadecimal, in any of the spellings that frames_of reads.

    Raises:
        UsageError: the text is empty or not hexadecimal.
    """
    digits = _BETWEEN.sub("", text)
    wrong = re.search("[^0-9a-fA-F]", digits)
    if wrong:
        raise UsageError(
            f"not hexadecimal: {_short(text)!r} contains {wrong.group()!r}; use 0 to 9 and a to f"
        )
    if not digits:
        raise UsageError("no bytes found; write two hexadecimal digits per byte")
    if len(digits) % 2:
        raise UsageError(
            f"odd number of digits: {len(digits)} hexadecimal digits; write two per byte"
        )
    return bytes.fromhex(digits)


def _is_dump_line(line: str) -> bool:
    """Return whether a line is the first of a dump: offset 0, followed by octets."""
    match = _OFFSET_LINE.fullmatch(line.rstrip())
    return match is not None and int(match[1], 16) == 0 and bool(_octets(match[2]))


def _dumped(lines: list[str]) -> list[bytes]:
    frames: list[bytearray] = []
    for number, line in enumerate(lines, 1):
        if line.strip() == "*":
            raise UsageError(f"line {number}: * stands for omitted bytes; use hexdump -v")
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
            expected = f"{len(frames[-1]):#x}"
            raise UsageError(
                f"line {number}: the offset is {offset:#x}, expected {expected}; give whole dumps"
            )
        frames[-1] += octets
    return [bytes(frame) for frame in frames]


def _octets(line: str) -> bytes:
    """Return the octets of a line of a dump, without the characters after them."""
    found = ""
    for part in re.split(r"\s{2,}", line.partition("|")[0].strip()):
        groups = part.split(" ")
        if not all(_GROUP.fullmatch(group) for group in groups) or groups == [""]:
            break
        # Two spaces in the middle of a line separate the first eight octets from the rest.
        if found and (len(found) != _A_LINE or len(groups[0]) != 2):
            break
        found += "".join(groups)
        if len(found) > 2 * _A_LINE:
            return b""
    return bytes.fromhex(found)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:40]}..."
