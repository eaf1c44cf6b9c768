"""Checksum fields: what stands there, what should, and how the difference is told."""

from typing import Literal

from vtep.dissect.model import Field
from vtep.wire.buffer import Readable
from vtep.wire.checksum import ones_sum

Status = Literal["right", "wrong", "unfinished", "none", "unknown"]


def status(field: Field) -> Status:
    """Return what was found of a checksum, from the text that the functions below gave it."""
    text = field.text
    if text.endswith("(right)"):
        return "right"
    if text.endswith("is right)"):
        return "wrong"
    if text.endswith("finishes it)"):
        return "unfinished"
    return "none" if text.endswith("(none)") else "unknown"


def judged(
    fields: list[Field], key: str, covered: Readable, pseudo: int = 0, *, name: str
) -> list[str]:
    """Write into the field `key` whether the checksum is right; return the problems.

    Args:
        fields: those of the header, to be changed.
        key: of the checksum field.
        covered: the octets it covers, itself included.
        pseudo: what the pseudo header adds to the sum.
        name: of the header, for the problem.
    """
    index, stored = _find(fields, key)
    others = ones_sum(covered) + pseudo - stored
    right = 0xFFFF - ((others % 0xFFFF) or 0xFFFF)
    if key == "udp.checksum" and right == 0:
        right = 0xFFFF  # 0 would say that there is none (RFC 768)
    if stored % 0xFFFF == right % 0xFFFF:
        fields[index] = fields[index]._replace(text=f"0x{stored:04x} (right)")
        return []
    if pseudo and stored == (pseudo - 1) % 0xFFFF + 1:
        fields[index] = fields[index]._replace(text=f"0x{stored:04x} (the card finishes it)")
        return [
            f"the {name} checksum is not finished: it is the pseudo header's sum, as seen on the"
            " sending host before the network card"
        ]
    fields[index] = fields[index]._replace(text=f"0x{stored:04x} (wrong, 0x{right:04x} is right)")
    return [f"the {name} checksum is wrong: 0x{stored:04x}, where 0x{right:04x} is right"]


def unjudged(fields: list[Field], why: str) -> None:
    """Write into the checksum field, if it is there, why nothing is said of it."""
    for index, field in enumerate(fields):
        if field.key.endswith(".checksum") and isinstance(field.value, int):
            fields[index] = field._replace(text=f"0x{field.value:04x} ({why})")


def _find(fields: list[Field], key: str) -> tuple[int, int]:
    for index, field in enumerate(fields):
        if field.key == key and isinstance(field.value, int):
            return index, field.value
    raise LookupError(key)
