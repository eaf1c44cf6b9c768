"""A plot of one figure, with a group of rows for each test of a kind."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from bench import meaning
from bench.figures import Summary, summarize, with_spread
from bench.plots.rows import ROW, Group, Rows, length
from bench.plots.sheet import Sheet, rounds
from bench.results import Cell, Results

WIDTH = 11.5
HEAD = 1.1
"""Height of the headings and of the axis, in inches."""


class Column(NamedTuple):
    """One more figure, written beside the bars: its heading, its key, and its format."""

    heading: str
    key: str
    write: Callable[[float], str]


def chart(
    results: Results,
    kind: str,
    key: str,
    *,
    title: str,
    unit: str,
    heading: str,
    columns: Sequence[Column],
    note: str,
) -> Figure | None:
    """Draw the figure *key* of all tests of a kind; return None without any."""
    cells = results.of(kind)
    if not cells:
        return None
    groups = by_test(cells)
    sheet = Sheet(title, (WIDTH, HEAD + ROW * length(groups)))
    panel = Rows(sheet, sheet.axes[0], groups)
    values = [summaries(cell, key) for cell in cells]
    for group, one in enumerate(values):
        panel.bars(group, one)
        panel.spreads(group, one)
    panel.ranges(heading, values, with_spread)
    for column in columns:
        panel.column(column.heading, medians(panel, cells, column))
    panel.counts(cells, key)
    sheet.axes[0].set_xlim(left=0)
    panel.write("", unit)
    sheet.note(f"Bars: medians, {rounds(cells, key)}. Thin lines: lowest to highest round. {note}")
    return sheet.finish(results, kind)


def by_test(cells: Sequence[Cell]) -> list[Group]:
    """Return a group for each test."""
    return [(meaning.title(cell), list(cell.figures)) for cell in cells]


def summaries(cell: Cell, key: str) -> dict[str, Summary | None]:
    """Return median and spread of a figure by contender."""
    return {name: summarize(cell.series(name, key)) for name in cell.figures}


def medians(panel: Rows, cells: Sequence[Cell], column: Column) -> dict[float, str]:
    """Return the texts of a column of medians, by position."""
    return {
        y: column.write(one.median)
        for group, cell in enumerate(cells)
        for y, one in panel.by_place(group, summaries(cell, column.key)).items()
    }
