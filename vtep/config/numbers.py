"""Read a number from text: one parser and one wording of the error."""

import re

from vtep.errors import UsageError


def whole_number(text: str) -> int:
    """Return the number that *text* is: decimal, or hexadecimal with 0x, in ASCII digits.

    Raises:
        ValueError: *text* is something else; int() also takes 1_000 and other digits of Unicode.
    """
    plain = text.strip()
    if not re.fullmatch("[-+]?([0-9]+|0[xX][0-9a-fA-F]+)", plain):
        raise ValueError
    return int(plain, 16 if "x" in plain.lower() else 10)


def number(text: str) -> float:
    """Return the number that *text* is, in ASCII digits.

    Raises:
        ValueError: *text* is something else.
    """
    if "_" in text or not text.isascii():
        raise ValueError
    return float(text)


def parse_int(name: str, text: str, low: int, high: int | None = None) -> int:
    """Return the number that *text* is: decimal, or hexadecimal with 0x.

    Args:
        name: of the option or key, for the error.
        text: what the user wrote.
        low: least number allowed.
        high: greatest number allowed; None for any.

    Raises:
        UsageError: *text* is not a whole number, or is out of range.
    """
    allowed = f"{low}..{high}" if high is not None else f"{low} or more"
    try:
        found = whole_number(text)
    except ValueError:
        raise UsageError(f"{name} {text!r}: not a whole number; use {allowed}") from None
    if found < low or (high is not None and found > high):
        raise UsageError(f"{name} {text}: out of range; use {allowed}")
    return found
