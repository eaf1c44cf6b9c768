"""A header drawn as RFCs draw it: 32 bits a row, with the values of this one in the boxes."""

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
"""A longer field is drawn without its middle."""


class _Piece(NamedTuple):
    """What one row has of a field; the words stand in its widest one."""

    field: Field
    bits: int
    has_words: bool


def diagram(header: Header) -> list[str]:
    """Return the lines of the drawing: in each box the name of a field, and under it its value."""
    lines = list(_RULER)
    above: Sequence[_Piece] = ()
    for row in _rows(header.fields):
        lines.append(_border(above, row))
        if any(piece.has_words for piece in row):
            lines.append(_boxes(row, [piece.field.name for piece in row]))
            lines.append(_boxes(row, [piece.field.text for piece in row]))
        else:
            lines.append(_boxes(row, [""] * len(row)))
        above = row
    return [*lines, _border(above, ())] if above else lines


def _rows(fields: Sequence[Field]) -> list[list[_Piece]]:
    rows: list[list[_Piece]] = []
    room = 0
    for field in fields:
        widths = _cut(field.bits, room)
        widest = widths.index(max(widths))
        for number, bits in enumerate(widths):
            if room == 0:
                rows.append([])
                room = _BITS
            rows[-1].append(_Piece(field, bits, number == widest))
            room -= bits
    return rows


def _cut(bits: int, room: int) -> list[int]:
    """Return how many bits of a field stand in each row; `room` are left in the first one."""
    widths = [min(bits, room)] if room else []
    left = bits - sum(widths)
    whole = left // _BITS
    widths += [_BITS] * (whole if whole <= _WHOLE_ROWS else 1)
    return widths + [left % _BITS] * bool(left % _BITS)


def _border(above: Sequence[_Piece], below: Sequence[_Piece]) -> str:
    """Return the line between two rows, open where one field goes on."""
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


def _columns(row: Sequence[_Piece]) -> list[Field]:
    return [piece.field for piece in row for _ in range(piece.bits)]


def _boxes(row: Sequence[_Piece], words: Sequence[str]) -> str:
    cells = [
        _fitted(word if piece.has_words else "", piece.bits * 2 - 1)
        for piece, word in zip(row, words, strict=True)
    ]
    return f"|{'|'.join(cells)}|"


def _fitted(word: str, width: int) -> str:
    """Return a word in the middle of `width` columns; one too long loses what is in brackets."""
    if len(word) > width:
        word = word.partition(" (")[0]
    return word[:width].center(width)
