"""A panel with a row for each contender, drawn at the left, written in columns at the right."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from matplotlib.patheffects import withStroke

from bench.contenders import REFERENCE
from bench.figures import Summary, overlap
from bench.plots.sheet import OVERLAPS, Sheet, taken
from bench.plots.style import GRID, INK, colour, ink, is_ours, label
from bench.results import Cell

T = TypeVar("T")
Write = Callable[[Summary], str]

ROW = 0.27
"""Height of a row in inches."""
_HEADING, _GAP = 1.0, 0.35  # of a group, in rows
_THICK = 0.66  # of a bar, in rows
_FONT, _SMALL = 8.5, 7.5
_SPACE, _MARK_SPACE = 11, 3  # points before a column

Group = tuple[str, Sequence[str]]
"""A heading, which may be empty, and the names of the contenders below it."""


def length(groups: Sequence[Group]) -> float:
    """Return the height of a panel in rows."""
    return sum(len(names) + (_HEADING if heading else 0) + _GAP for heading, names in groups)


class Rows:
    """One panel.

    Args:
        sheet: the figure of the panel.
        ax: the panel.
        groups: the rows in order, from the top.
        named: whether the contenders are named at the left.
    """

    def __init__(self, sheet: Sheet, ax: Any, groups: Sequence[Group], *, named: bool = True):
        self._sheet, self._ax = sheet, ax
        self._columns: list[tuple[str, dict[float, str], bool]] = []
        self._names: dict[float, str] = {}
        self._places: dict[tuple[int, str], float] = {}
        at = 0.0
        for number, (heading, names) in enumerate(groups):
            if heading:
                self._head(at, heading, named)
                at += _HEADING
            for name in names:
                self._places[number, name] = at
                self._names[at] = name
                at += 1
            at += _GAP
        ax.set_yticks(
            list(self._names), [label(name) if named else "" for name in self._names.values()]
        )
        for tick, name in zip(ax.get_yticklabels(), self._names.values(), strict=True):
            tick.set(color=ink(name), fontweight="bold" if is_ours(name) else "normal")
        ax.set_ylim(at - _GAP - 0.4, -0.6)
        ax.grid(axis="x", color=GRID, linewidth=0.8)

    def bars(
        self,
        group: int,
        values: Mapping[str, Summary | None],
        *,
        alpha: float = 1.0,
        part: int = 0,
        of: int = 1,
    ) -> None:
        """Draw a bar to each median; with *of*, a part of the height, counted from the top."""
        height = _THICK / of
        for y, one in self.by_place(group, values).items():
            middle = y - _THICK / 2 + (part + 0.5) * height
            hue = colour(self._names[y])
            self._ax.barh(middle, one.median, height=height, color=hue, alpha=alpha)

    def spreads(
        self, group: int, values: Mapping[str, Summary | None], *, part: int = 0, of: int = 1
    ) -> None:
        """Draw a line from the lowest to the highest figure of each row."""
        for y, one in self.by_place(group, values).items():
            middle = y - _THICK / 2 + (part + 0.5) * _THICK / of
            spread(self._ax, middle, one)

    def by_place(self, group: int, values: Mapping[str, T | None]) -> dict[float, T]:
        """Return values by position instead of name, without those that are missing."""
        return {self._places[group, name]: one for name, one in values.items() if one is not None}

    def column(self, heading: str, texts: dict[float, str], *, strong: bool = True) -> None:
        """Add a column of texts at the right, by the position of the row."""
        if any(texts.values()):
            self._columns.append((heading, texts, strong))

    def ranges(
        self, heading: str, groups: Sequence[Mapping[str, Summary | None]], write: Write
    ) -> None:
        """Add a column of medians and ranges, marked if they overlap that of the reference.

        A value that is None becomes a dash.
        """
        texts: dict[float, str] = {}
        marks: dict[float, str] = {}
        for group, values in enumerate(groups):
            for name, one in values.items():
                y = self._places[group, name]
                texts[y] = "-" if one is None else write(one)
                if one is not None:
                    marks[y] = _mark(self._sheet, name, one, values.get(REFERENCE))
        self.column(heading, texts)
        self.column("", marks)

    def counts(self, cells: Sequence[Cell], key: str) -> None:
        """Add a column with the number of rounds, if it is not the same in all rows."""
        counts = {
            self._places[group, name]: taken(cell, name, key)
            for group, cell in enumerate(cells)
            for name in cell.figures
        }
        if len(set(counts.values())) > 1:
            self.column("n", {y: str(count) for y, count in counts.items()}, strong=False)

    def write(self, title: str, unit: str) -> None:
        """Write the columns, the title of the panel, and that of its axis; call it last."""
        edge, lines = 0.0, 0
        for heading, texts, strong in self._columns:
            sizes = [self._sheet.width(heading, fontsize=_SMALL)]
            sizes += [
                self._sheet.width(text, fontsize=_FONT, fontweight="bold")
                for text in texts.values()
            ]
            edge += max(sizes) + (_SPACE if heading else _MARK_SPACE)
            lines = max(lines, heading.count("\n") + 1)
            self._note((1, 1), ("axes fraction", "axes fraction"), edge, heading, _SMALL, "bottom")
            for y, text in texts.items():
                font = {"color": ink(self._names[y])}
                if strong and is_ours(self._names[y]):
                    font["fontweight"] = "bold"
                self._note((1, y), ("axes fraction", "data"), edge, text, _FONT, "center", **font)
        self._ax.set_title(title, loc="left", fontsize=10.5, color=INK, pad=8 + 10 * lines)
        self._ax.set_xlabel(unit, fontsize=8.5, color=INK)

    def _note(
        self, xy: Any, coordinates: Any, edge: float, text: str, size: float, va: str, **font: str
    ) -> None:
        """Write a text that ends *edge* points behind the panel.

        Only headings take part in the layout: they end where their columns do, and a layout of
        all texts takes seconds.
        """
        written = self._ax.annotate(
            text,
            xy,
            xycoords=coordinates,
            xytext=(edge, 2 if va == "bottom" else 0),
            textcoords="offset points",
            ha="right",
            va=va,
            fontsize=size,
            annotation_clip=False,
            **{"color": INK} | font,
        )
        written.set_in_layout(va == "bottom")

    def _head(self, y: float, heading: str, named: bool) -> None:
        if named:
            written = self._ax.annotate(
                heading,
                (0, y),
                xycoords=("axes fraction", "data"),
                xytext=(2, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
                fontweight="bold",
                color=INK,
            )
            written.set_in_layout(False)


def spread(ax: Any, y: float, one: Summary) -> None:
    """Draw a thin line from the lowest to the highest figure, visible on any colour."""
    if one.low != one.high:
        outline = [withStroke(linewidth=2.4, foreground="white")]
        ax.plot([one.low, one.high], [y, y], color=INK, linewidth=1, path_effects=outline)


def _mark(sheet: Sheet, name: str, mine: Summary, theirs: Summary | None) -> str:
    """Return a mark, and explain it in a footnote, if the range overlaps the reference's."""
    if name == REFERENCE or theirs is None or not overlap(mine, theirs):
        return ""
    sheet.note(
        f"{OVERLAPS} The range overlaps that of {label(REFERENCE)}: "
        "the two are not distinguishable in this run."
    )
    return OVERLAPS
