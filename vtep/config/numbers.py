"""Read a whole number from text: one parser and one wording of the error."""

from vtep.errors import UsageError


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
    digits = text.strip()
    try:
        number = int(digits, 10 if digits.isdigit() else 0)
    except ValueError:
        raise UsageError(f"{name} {text!r}: not a whole number; use {allowed}") from None
    if number < low or (high is not None and number > high):
        raise UsageError(f"{name} {text}: out of range; use {allowed}")
    return number
