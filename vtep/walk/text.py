"""A walk as text for a terminal: a line per station, and its details below."""

import re
import textwrap
from collections.abc import Iterator

from vtep.decode.terminal import WIDTH
from vtep.walk.model import Piece, Result, Sign, Station, TableChange, Walk

_INDENT = " " * 7
_ROW = 20
"""Maximum number of octets per line."""
_MORE = 5
"""Room for "... 1436 more" at the end of a row, in octets."""
_ROW_AT = 30
"""Column where the octets begin."""

_UNBREAKABLE = "\N{NO-BREAK SPACE}"
_SENTENCE_END = re.compile(r"(?<=[.?]) (?=[A-Z0-9])")

_COLOURS = {
    "+": "32",
    "-": "31",
    "~": "33",
    "head": "1;36",
    "station": "1",
    "drop": "1;31",
    "dim": "2",
}


class Text:
    """Formats results.

    Args:
        colour: whether to use colour, in addition to the signs.
        width: width of the terminal, in columns.
        brief: whether to print one line per station only.
        verbose: whether to print all pieces at every station, with their octets.
    """

    def __init__(
        self, *, colour: bool, width: int = WIDTH, brief: bool = False, verbose: bool = False
    ) -> None:
        self._has_colour = colour
        self._width = width
        self._row = min(_ROW, (width - _ROW_AT) // 3)
        self._brief = brief
        self._verbose = verbose
        self._explained: set[str] = set()

    def lines(self, result: Result) -> Iterator[str]:
        """Yield all lines."""
        yield self._paint("head", result.title)
        if not self._brief:
            yield from self._wrap(result.summary, "")
            yield ""
            yield from result.picture.splitlines()
            yield ""
            yield from self._wrap(_LEGEND, "")
        for number, walk in enumerate(result.walks, 1):
            yield ""
            yield from self._walk(number, walk)
        yield from self._end(result)

    def _walk(self, number: int, walk: Walk) -> Iterator[str]:
        yield self._paint("head", f"{number}. {walk.title}")
        in_full = not self._brief and (self._verbose or not walk.is_short)
        apart = in_full
        for station in walk.stations:
            details = list(self._details(station, again=number > 1)) if in_full else []
            if station.drop is not None and not details and not self._brief:
                details = self._wrap(station.why, _INDENT)
            if apart or details:
                yield ""
            yield self._line(station)
            yield from details
            apart = bool(details)
        if walk.others and not self._brief:
            yield ""
            for other in walk.others:
                yield from self._wrap(other, _INDENT if in_full else "  ")

    def _line(self, station: Station) -> str:
        """Return the line of a station: number, place, length, change, decision."""
        change = f"{station.change:+d}" if station.change else ""
        sign = "+" if station.change > 0 else "-"
        place = f"{station.host} {station.place}"
        left = f"  {station.number:<5}{place:<14}{station.size:>5} "
        decision = self._paint("drop" if station.drop else "station", station.decision)
        changed = f"{change:>4}"
        return left + (self._paint(sign, changed) if change else changed) + f"  {decision}"

    def _details(self, station: Station, *, again: bool) -> Iterator[str]:
        """Yield the lines below that of a station; `again`: an earlier walk passed it."""
        why = self._news(station.why)
        if station.source and (why or not station.why):
            why = f"{why} [{station.source.replace(' ', _UNBREAKABLE)}]".lstrip()
        yield from self._wrap(why, _INDENT)
        for table in station.tables:
            yield from self._table(table)
        for piece in station.pieces:
            if self._verbose or piece.sign in ("+", "~") or (piece.sign and not again):
                yield from self._piece(piece)

    def _news(self, why: str) -> str:
        """Return the sentences that were not printed before."""
        sentences = _SENTENCE_END.split(why)
        if not self._verbose:
            sentences = [one for one in sentences if one not in self._explained]
        self._explained.update(sentences)
        return " ".join(sentences)

    def _piece(self, piece: Piece) -> Iterator[str]:
        shown = piece.octets
        if not self._verbose and piece.size > 2 * self._row:
            shown = shown[: 2 * self._row - _MORE]
        starts = range(0, len(shown), self._row)
        rows = [shown[at : at + self._row].hex(" ") for at in starts] or [""]
        if len(shown) < piece.size:
            rows[-1] += f" ... {piece.size - len(shown)} more"
        for row in rows:
            first = row is rows[0]
            name = f"{piece.name:<15}{piece.size:>4}" if first else " " * 19
            line = f"{_INDENT}{piece.sign or ' '} {name}  {row}"
            yield self._paint(piece.sign, line) if piece.sign else line

    def _table(self, table: TableChange) -> Iterator[str]:
        yield f"{_INDENT}{table.name}, {_count(table.before)} before, now:"
        for entry in sorted({*table.before, *table.after}):
            sign: Sign = "+" if entry not in table.before else ""
            sign = "-" if entry not in table.after else sign
            where = "is here" if entry.dst == "local" else f"is behind {entry.dst}"
            line = f"{_INDENT}{sign or ' '}   {entry.mac} {where}"
            yield self._paint(sign, line) if sign else line

    def _end(self, result: Result) -> Iterator[str]:
        if result.hints:
            yield ""
            yield self._paint("head", "How to see it on real hosts")
            for hint in result.hints:
                yield ""
                yield f"  {hint.host + ' $ ' if hint.host else ''}{hint.command}"
                yield from self._wrap(hint.says, _INDENT)
        if result.recap and not self._brief:
            yield ""
            yield self._paint("head", "To remember")
            for lesson in result.recap:
                yield ""
                yield self._paint("station", f"  {lesson.question}")
                yield from self._wrap(lesson.answer, "  ")

    def _wrap(self, text: str, indent: str) -> list[str]:
        lines = textwrap.wrap(
            text,
            self._width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
        return [line.replace(_UNBREAKABLE, " ") for line in lines]

    def _paint(self, what: str, text: str) -> str:
        return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if self._has_colour else text


_LEGEND = (
    "Each line is a station: its number, its place, the length of the frame as it leaves in bytes,"
    " the change of that length, and the decision. + is added, - is removed, ~ is changed."
)


def _count(entries: tuple[object, ...]) -> str:
    if not entries:
        return "empty"
    return "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
