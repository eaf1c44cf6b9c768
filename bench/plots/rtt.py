"""Round trips: pings, idle and under load, and transactions of one byte."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.contenders import REFERENCE
from bench.figures import Summary, percent, ratios, short, summarize
from bench.plots.chart import HEAD, WIDTH, Column, by_test, chart, medians, summaries
from bench.plots.rows import ROW, Rows, length, spread
from bench.plots.sheet import Sheet, rounds
from bench.plots.style import INK, PALETTE, colour, label, microseconds, tick
from bench.results import Cell, Results

_BELOW = 0.32  # rows, from a dot to the line of its spread
_COLUMNS = (
    Column("p99", "p99_us", microseconds),
    Column("pings\na round", "samples", "{:.0f}".format),
    Column("lost", "lost_percent", percent),
    Column("load\nGb/s", "load_gbps", short),
)


def pings(results: Results) -> Figure | None:
    """Draw round trips on a log scale, with a group of rows for each load."""
    cells = results.of("rtt")
    if not cells:
        return None
    groups = by_test(cells)
    sheet = Sheet("Round trips of pings, idle and under load", (WIDTH, HEAD + ROW * length(groups)))
    ax = sheet.axes[0]
    panel = Rows(sheet, ax, groups)
    middle, p99, top = (
        [summaries(cell, key) for cell in cells] for key in ("median_us", "p99_us", "max_us")
    )
    for group, cell in enumerate(cells):
        for y, name in panel.by_place(group, {name: name for name in cell.figures}).items():
            _draw(ax, y, colour(name), middle[group][name], p99[group][name], top[group][name])
    panel.ranges("median\n(lowest-highest)", middle, _span)
    shares: dict[float, str] = {}
    for group, cell in enumerate(cells):
        shares |= panel.by_place(group, _ratios(cell))
    panel.column("ratio to\nkernel", shares)
    for column in _COLUMNS:
        panel.column(column.heading, medians(panel, cells, column), strong=False)
    panel.counts(cells, "median_us")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: tick(value))
    ax.xaxis.set_minor_formatter(lambda value, _: "")
    panel.write("", "round trip (logarithmic)")
    line: dict[str, Any] = {"color": PALETTE["kernel"]}
    sheet.legend(
        [
            Line2D([], [], marker="o", markersize=7, linestyle="", label="median", **line),
            Line2D([], [], marker="|", markersize=9, mew=2.5, linewidth=2.5, label="p99", **line),
            Line2D([], [], marker="x", markersize=5, linewidth=1, ls=":", label="maximum", **line),
            Line2D([], [], color=INK, linewidth=1, label="lowest to highest median of a round"),
        ]
    )
    sheet.note(
        f"Medians of {rounds(cells, 'median_us')}; the maximum is that of all rounds. Brackets: "
        f"lowest to highest median of a round. Ratio: to {label(REFERENCE)} in the same round, "
        "median. Load: TCP beside the pings, median."
    )
    return sheet.finish(results, "rtt")


def transactions(results: Results) -> Figure | None:
    """Draw requests and responses of one byte: transactions a second, and their round trips."""
    return chart(
        results,
        "rr",
        "tps",
        title="TCP requests and responses, one after the other",
        unit="transactions a second",
        heading="a second\n(lowest-highest)",
        columns=[
            Column("round trip\nmedian", "median_us", microseconds),
            Column("p99", "p99_us", microseconds),
        ],
        note="Round trips: those of all transactions of a round; median of the rounds.",
    )


def _ratios(cell: Cell) -> Mapping[str, str | None]:
    """Return the ratio to the reference, written, by contender."""
    theirs = cell.series(REFERENCE, "median_us")
    found = {
        name: summarize(ratios(cell.series(name, "median_us"), theirs)) for name in cell.figures
    }
    return {name: short(one.median) if one else None for name, one in found.items()}


def _draw(
    ax: Any, y: float, hue: str, middle: Summary | None, p99: Summary | None, top: Summary | None
) -> None:
    if middle is None:
        return
    if p99:
        ax.plot([middle.median, p99.median], [y, y], color=hue, linewidth=2.5)
        ax.plot([p99.median], [y], marker="|", color=hue, markersize=9, mew=2.5)
    if p99 and top:
        ax.plot([p99.median, top.high], [y, y], color=hue, linewidth=1, linestyle=":")
        ax.plot([top.high], [y], marker="x", color=hue, markersize=5)
    ax.plot([middle.median], [y], marker="o", color=hue, markersize=7)
    spread(ax, y + _BELOW, middle)


def _span(one: Summary) -> str:
    """Format median and spread: "74 us (70-81)", "960 us (900 us-1.2 ms)"."""
    middle, low, high = (microseconds(value) for value in one)
    if low == high:
        return middle
    unit = f" {middle.partition(' ')[2]}"
    if low.endswith(unit) and high.endswith(unit):
        low, high = low.removesuffix(unit), high.removesuffix(unit)
    return f"{middle} ({low}-{high})"
