"""Verify checksum fields, and write the result into them."""

from vtep.dissect.model import Field
from vtep.wire.buffer import Readable
from vtep.wire.checksum import ones_sum


def verify(
    fields: list[Field], key: str, covered: Readable, pseudo: int = 0, *, name: str
) -> list[str]:
    """Write into the field `key` whether the checksum is correct, and return the problems.

    Args:
        fields: fields of the header; changed in place.
        key: key of the checksum field.
        covered: octets that the checksum covers, the checksum field included.
        pseudo: sum of the pseudo-header.
        name: name of the header, for the problem.
    """
    index, stored = _find(fields, key)
    others = ones_sum(covered) + pseudo - stored
    expected = 0xFFFF - ((others % 0xFFFF) or 0xFFFF)
    if key == "udp.checksum" and expected == 0:
        expected = 0xFFFF  # 0 means that there is no checksum (RFC 768)
    field = fields[index]
    if stored % 0xFFFF == expected % 0xFFFF:
        fields[index] = field._replace(text=f"0x{stored:04x} (correct)", checksum="correct")
        return []
    if pseudo and stored == (pseudo - 1) % 0xFFFF + 1:
        text = f"0x{stored:04x} (partial: the network card completes it)"
        fields[index] = field._replace(text=text, checksum="partial")
        return [
            f"the {name} checksum is partial: it is the sum of the pseudo-header only, as seen on"
            " the sending host before the network card completes it"
        ]
    text = f"0x{stored:04x} (wrong, expected 0x{expected:04x})"
    fields[index] = field._replace(text=text, checksum="wrong")
    return [f"the {name} checksum is wrong: 0x{stored:04x}, expected 0x{expected:04x}"]


def mark_none(fields: list[Field]) -> None:
    """Write into the checksum field that the sender computed no checksum."""
    for index, field in enumerate(fields):
        if field.key.endswith(".checksum"):
            fields[index] = field._replace(text=f"{field.text} (none)", checksum="none")


def mark_unchecked(fields: list[Field], reason: str = "") -> None:
    """Write into the checksum field, if it is present, that it was not checked, and why."""
    note = f"not checked: {reason}" if reason else "not checked"
    for index, field in enumerate(fields):
        if field.key.endswith(".checksum") and isinstance(field.value, int):
            text = f"0x{field.value:04x} ({note})"
            fields[index] = field._replace(text=text, checksum="unchecked")


def _find(fields: list[Field], key: str) -> tuple[int, int]:
    for index, field in enumerate(fields):
        if field.key == key and isinstance(field.value, int):
            return index, field.value
    raise LookupError(key)
