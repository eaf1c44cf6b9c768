"""Draw a header as RFCs do: 32 bits a row, with its values in the boxes."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from vtep.dissect.model import Field, Header

_BITS = 32
_RULER = [
    " " + " ".join(str(bit // 10) if bit % 10 == 0 else " " for bit in range(_BITS)).rstrip(),
    " " + " ".join(str(bit % 10) for bit in range(_BITS)),
]
_WHOLE_ROWS = 4
"""Maximum number of full rows of one field; a longer field is drawn without its middle."""


class _Cell(NamedTuple):
    """The part of a field in one row; the widest part carries the name and the value."""

    field: Field
    bits: int
    is_labelled: bool


def diagram(header: Header) -> list[str]:
    """Return the lines of the drawing; each box holds the name of a field and its value."""
    lines = list(_RULER)
    above: Sequence[_Cell] = ()
    for row in _rows(header.fields):
        lines.append(_border(above, row))
        if any(cell.is_labelled for cell in row):
            lines.append(_boxes(row, [cell.field.name for cell in row]))
            lines.append(_boxes(row, [cell.field.text for cell in row]))
        else:
            lines.append(_boxes(row, [""] * len(row)))
        above = row
    return [*lines, _border(above, ())] if above else lines


def _rows(fields: Sequence[Field]) -> list[list[_Cell]]:
    rows: list[list[_Cell]] = []
    room = 0
    for field in fields:
        widths = _cut(field.bits, room)
        widest = widths.index(max(widths))
        for number, bits in enumerate(widths):
            if room == 0:
                rows.append([])
                room = _BITS
            rows[-1].append(_Cell(field, bits, number == widest))
            room -= bits
    return rows


def _cut(bits: int, room: int) -> list[int]:
    """Return the number of bits of a field in each row; the first row has `room` bits left."""
    widths = [min(bits, room)] if room else []
    left = bits - sum(widths)
    whole = left // _BITS
    widths += [_BITS] * (whole if whole <= _WHOLE_ROWS else 1)
    return widths + [left % _BITS] * bool(left % _BITS)


def _border(above: Sequence[_Cell], below: Sequence[_Cell]) -> str:
    """Return the line between two rows, open where a field continues."""
    upper, lower = _columns(above), _columns(below)
    drawn = [
        not (bit < min(len(upper), len(lower)) and upper[bit] is lower[bit])
        for bit in range(max(len(upper), len(lower)))
    ]
    corners = [before or after for before, after in itertools.pairwise([True, *drawn, True])]
    return "+" + "".join(
        ("-" if line else " ") + ("+" if corner else " ")
        for line, corner in zip(drawn, corners[1:], strict=True)
    )


def _columns(row: Sequence[_Cell]) -> list[Field]:
    return [cell.field for cell in row for _ in range(cell.bits)]


def _boxes(row: Sequence[_Cell], words: Sequence[str]) -> str:
    boxes = [
        _fitted(word if cell.is_labelled else "", cell.bits * 2 - 1)
        for cell, word in zip(row, words, strict=True)
    ]
    return f"|{'|'.join(boxes)}|"


def _fitted(word: str, width: int) -> str:
    """Return a word centred in `width` columns; a long one loses the part in brackets."""
    if len(word) > width:
        word = word.partition(" (")[0]
    return word[:width].center(width)
