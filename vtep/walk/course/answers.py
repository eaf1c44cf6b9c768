"""Read answers to exercises, in any spelling of the same value."""

import ipaddress
import re

from vtep.decode.hexdump import octets_of
from vtep.errors import UsageError

_WORDS = {"none": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
_UNITS = re.compile(
    r"\s*(octets?|bytes?|bits?|peers?|copies|copy|datagrams?|packets?|macs?|vnis?)$"
)
_POWER = re.compile(r"(\d{1,4})\s*(?:\^|\*\*)\s*(\d{1,3})", re.ASCII)


def read_number(answer: str) -> int | None:
    """Return a whole number: 50, "50 bytes", 16,777,216, 2^24, 0x64, two."""
    text = _UNITS.sub("", answer.strip().lower()).removeprefix("+")
    if text in _WORDS:
        return _WORDS[text]
    if power := _POWER.fullmatch(text):
        base, exponent = map(int, power.groups())
        return int(base**exponent)
    text = re.sub(r"[,_' ]", "", text)
    if re.fullmatch(r"0x[0-9a-f]+", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"\d+", text, re.ASCII) else None


def read_octets(answer: str) -> bytes | None:
    """Return octets in hexadecimal, with or without spaces, colons, commas and 0x."""
    try:
        return octets_of(answer)
    except UsageError:
        return None


def read_address(answer: str) -> str | None:
    """Return an IP address in its usual spelling."""
    try:
        return str(ipaddress.ip_address(answer.strip()))
    except ValueError:
        return None


def read_name(answer: str) -> str:
    """Return the name of a drop reason: unknown_vni, also "Unknown VNI" and unknown-vni."""
    return re.sub(r"[\s-]+", "_", answer.strip().lower())
