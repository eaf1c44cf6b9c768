"""A walk as one self-contained HTML page: no script, no other file, no network."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import count

from vtep.dissect import Field
from vtep.walk.model import Piece, Result, Station, TableChange, TableEntry, Walk

_CLASSES = {"+": "on", "-": "off", "~": "new", "": "kept"}
_SIGNS = {"+": "+", "-": "\N{MINUS SIGN}", "~": "~", "": "\N{NO-BREAK SPACE}"}
_LABELS = {"+": "added", "-": "removed", "": "unchanged"}

_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{summary}</p>
"""

_PICTURE = """\
<svg viewBox="0 0 400 330" role="img" aria-labelledby="picture">
<title id="picture">Two hosts, each with a container, the bridge br0, the TAP vx0 and a VTEP.
The frame goes down on the left, through the underlay, and up on the right.</title>
<rect x="10" y="40" width="170" height="220" rx="8"/>
<rect x="220" y="40" width="170" height="220" rx="8"/>
<path d="M95 28 V288 Q95 305 112 305 H288 Q305 305 305 288 V28"/>
{boxes}
<text x="200" y="325" class="soft">underlay: IP only; h3 is also connected</text>
</svg>
"""


def page(result: Result) -> str:
    """Return the whole page."""
    return "\n".join(_Page(result).lines()) + "\n"


def _css() -> str:
    return files("vtep.walk").joinpath("page.css").read_text(encoding="utf-8")


class _Page:
    """Builds the page, and numbers the elements that need an id."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._numbers = count(1)

    def lines(self) -> Iterator[str]:
        result = self._result
        yield _HEAD.format(title=escape(result.title), summary=escape(result.summary), css=_css())
        yield _picture(result)
        yield '<nav aria-label="Walks"><ol>'
        for number, walk in enumerate(result.walks, 1):
            yield f'<li><a href="#walk-{number}">{escape(walk.title)}</a></li>'
        if result.hints:
            yield '<li><a href="#hints">How to see it on real hosts</a></li>'
        if result.recap:
            yield '<li><a href="#recap">To remember</a></li>'
        yield "</ol></nav>"
        yield (
            "<p>Each station shows the decision and the length of the frame as it leaves."
            f' <span class="on">{_SIGNS["+"]} is added</span>,'
            f' <span class="off">{_SIGNS["-"]} is removed</span>,'
            f' <span class="new">{_SIGNS["~"]} is changed</span>.'
            " Hover over a byte, tap it, or reach it with the Tab key to see its meaning.</p>"
        )
        for number, walk in enumerate(result.walks, 1):
            yield from self._walk(number, walk)
        yield from _end(result)
        yield "</main></body></html>"

    def _walk(self, number: int, walk: Walk) -> Iterator[str]:
        yield f'<section aria-labelledby="walk-{number}">'
        yield f'<h2 id="walk-{number}">{number}. {escape(walk.title)}</h2>'
        for station in walk.stations:
            yield from self._station(station)
        for other in walk.others:
            yield f"<p>{escape(other)}</p>"
        yield "</section>"

    def _station(self, station: Station) -> Iterator[str]:
        state = " dropped" if station.drop else ""
        change = f" ({station.change:+d})" if station.change else ""
        name = f"station-{station.number.replace('.', '-')}"
        yield f'<section class="station{state}" aria-labelledby="{name}">'
        yield (
            f'<h3 id="{name}"><span class="number">{station.number}</span>'
            f' <span class="place">{escape(station.host)} {escape(station.place)}</span>'
            f' <span class="decision">{escape(station.decision)}</span>'
            f' <span class="size">{station.size} bytes{change}</span></h3>'
        )
        yield _bar(station.pieces)
        source = f' <span class="source">{escape(station.source)}</span>' if station.source else ""
        if station.why or source:
            yield f"<p>{escape(station.why)}{source}</p>"
        for table in station.tables:
            yield from _table(table)
        changed = [piece for piece in station.pieces if piece.sign]
        kept = [piece for piece in station.pieces if not piece.sign]
        yield from self._pieces(changed)
        if kept:
            yield "<details><summary>Unchanged</summary>"
            yield from self._pieces(kept)
            yield "</details>"
        yield "</section>"

    def _pieces(self, pieces: Sequence[Piece]) -> Iterator[str]:
        if not pieces:
            return
        yield '<ul class="pieces">'
        for piece in pieces:
            more = piece.size - len(piece.octets)
            rest = f" ... {more} more" if more else ""
            yield (
                f'<li class="{_CLASSES[piece.sign]}"><span class="name">{_SIGNS[piece.sign]}'
                f" {escape(piece.name)}, {piece.size}</span>"
                f' <span class="octets">{"".join(self._octets(piece))}{rest}</span></li>'
            )
        yield "</ul>"

    def _octets(self, piece: Piece) -> Iterator[str]:
        """Yield the octets of a piece; those of known fields have a tooltip with the meaning."""
        at = 0
        for start, end, fields in groups(piece):
            if start > at:
                yield piece.octets[at:start].hex(" ") + " "
            shown = piece.octets[start:end].hex(" ")
            names = ", ".join(field.name for field in fields)
            tip = f"tip-{next(self._numbers)}"
            yield (
                f'<span class="octet" tabindex="0" role="group" aria-label="{escape(names)}:'
                f' {shown}" aria-describedby="{tip}">{shown}</span>'
                f'<span class="tip" role="tooltip" id="{tip}">'
                + "".join(_field(field) for field in fields)
                + "</span> "
            )
            at = end
        yield piece.octets[at:].hex(" ")


def groups(piece: Piece) -> Iterator[tuple[int, int, list[Field]]]:
    """Yield ranges start..end of octets of a piece with their fields; no field is in two ranges."""
    begin, size = piece.at * 8, len(piece.octets)
    together: list[Field] = []
    start = end = 0
    for field in sorted(piece.fields, key=lambda field: field.at):
        first, last = (field.at - begin) // 8, (field.at - begin + field.bits + 7) // 8
        if first >= end and together:
            yield start, min(end, size), together
            together = []
        if not together:
            start = first
        if start >= size:
            return
        together.append(field)
        end = max(end, last)
    if together:
        yield start, min(end, size), together


def _field(field: Field) -> str:
    first, last = field.at % 8, field.at % 8 + field.bits - 1
    if field.bits % 8 or first:
        bits = f"bit {first}" if first == last else f"bits {first} to {last}"
        octets = (last + 8) // 8
        width = f"{bits} of its {f'{octets} bytes' if octets > 1 else 'byte'}"
    else:
        width = f"{field.bits} bits"
    source = f" ({field.source})" if field.source else ""
    meaning = f": {field.meaning}" if field.meaning else ""
    text = escape(f" = {field.text}, {width}{meaning}{source}")
    return f"<span><b>{escape(field.name)}</b>{text}</span>"


def _bar(pieces: Sequence[Piece]) -> str:
    """Return the frame as a bar, roughly to scale: a long payload is shortened."""
    spans = "".join(
        f'<span class="{_CLASSES[piece.sign]}" style="flex-grow:{min(piece.size, 64)}">'
        f"{_SIGNS[piece.sign] if piece.sign else ''}{escape(piece.name)}</span>"
        for piece in pieces
    )
    return f'<div class="bar" aria-hidden="true">{spans}</div>'


def _table(table: TableChange) -> Iterator[str]:
    def row(entry: TableEntry) -> str:
        sign = "-" if entry not in table.after else "" if entry in table.before else "+"
        where = "this host" if entry.dst == "local" else entry.dst
        return (
            f'<tr class="{_CLASSES[sign]}">'
            f'<td><span aria-label="{_LABELS[sign]}">{_SIGNS[sign]}</span></td>'
            f"<td><code>{escape(entry.mac)}</code></td><td><code>{escape(where)}</code></td></tr>"
        )

    entries = "entry" if len(table.before) == 1 else "entries"
    yield (
        f'<div class="wide"><table><caption>{escape(table.name)}, {len(table.before)} {entries}'
        ' before</caption><thead><tr><th scope="col">change</th><th scope="col">MAC</th>'
        '<th scope="col">behind</th></tr></thead><tbody>'
    )
    yield from map(row, sorted({*table.before, *table.after}))
    yield "</tbody></table></div>"


def _picture(result: Result) -> str:
    def boxes(x: int, host: str, container: str) -> Iterator[str]:
        names = (
            (6, container), (58, host), (84, "bridge br0"), (134, "TAP vx0"), (184, "vtep"),
            (234, "UDP"),
        )  # fmt: skip
        for y, name in names:
            if name == host:
                yield f'<text x="{x - 70}" y="{y + 2}" class="soft">{escape(name)}</text>'
                continue
            width = 150 if name == container else 110
            yield f'<rect x="{x - width // 2}" y="{y}" width="{width}" height="26" rx="5"/>'
            yield f'<text x="{x}" y="{y + 18}">{escape(name)}</text>'

    c1, c2 = result.containers
    drawn = "\n".join([*boxes(95, "h1", c1), *boxes(305, "h2", c2)])
    return _PICTURE.format(boxes=drawn)


def _end(result: Result) -> Iterator[str]:
    if result.hints:
        yield '<section aria-labelledby="hints">'
        yield '<h2 id="hints">How to see it on real hosts</h2><dl>'
        for hint in result.hints:
            where = f"on {escape(hint.host)}: " if hint.host else ""
            yield f"<dt>{where}<code>{escape(hint.command)}</code></dt>"
            yield f"<dd>{escape(hint.says)}</dd>"
        yield "</dl></section>"
    if result.recap:
        yield '<section aria-labelledby="recap"><h2 id="recap">To remember</h2><dl>'
        for lesson in result.recap:
            yield f"<dt>{escape(lesson.question)}</dt><dd>{escape(lesson.answer)}</dd>"
        yield "</dl></section>"
