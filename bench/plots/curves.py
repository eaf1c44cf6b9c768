"""Curves of cost against size."""

from dataclasses import replace
from math import ceil
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from bench.figures import Summary, summarize
from bench.plots.sheet import Sheet
from bench.plots.style import GRID, INK
from bench.results import Curve, Results

_LINES = (("#d9480f", "o", "-"), ("#1f4e79", "s", "--"), ("#6b7a88", "^", ":"))
"""Colour, marker and style: each of them distinguishes the lines."""
_HEIGHT, _WIDTH = 2.9, 3.3  # inches, of a panel
_ACROSS = 4
_TITLE = 32  # characters in a line
_ROOM = 1.45  # for the legend, above the highest line


def scaling(results: Results) -> Figure | None:
    """Draw a panel for each curve; all costs begin at zero."""
    curves = results.curves
    if not curves:
        return None
    columns = min(_ACROSS, len(curves))
    rows = ceil(len(curves) / columns)
    size = (_WIDTH * max(columns, 3), _HEIGHT * rows)
    title = "Cost against size, in process (without system calls)"
    sheet = Sheet(title, size, (rows, columns))
    for ax, curve in zip(sheet.axes, curves, strict=False):
        _curve(ax, curve)
    for ax in sheet.axes[len(curves) :]:
        ax.set_visible(False)
    counts = {len(one) for curve in curves for _, costs in curve.points for one in costs.values()}
    several = " to ".join(map(str, sorted({min(counts), max(counts)})))
    sheet.note(
        f"Points: medians, n = {several} round{'' if several == '1' else 's'}. Bands: lowest to "
        "highest round. The sizes are on a logarithmic axis."
    )
    return sheet.finish(replace(results, options={}), "scaling")


def _curve(ax: Any, curve: Curve) -> None:
    most = 0.0
    for (colour, marker, style), name in zip(_LINES, curve.points[0][1], strict=False):
        found: list[tuple[int, Summary]] = []
        for size, costs in curve.points:
            if one := summarize(costs[name]):
                found.append((size, one))
        sizes = [size for size, _ in found]
        ax.plot(
            sizes,
            [one.median for _, one in found],
            color=colour,
            marker=marker,
            linestyle=style,
            linewidth=2,
            markersize=5,
            label=name,
        )
        low, high = [one.low for _, one in found], [one.high for _, one in found]
        ax.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
        most = max(most, *high)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: _size(value))
    ax.xaxis.set_minor_formatter(lambda value, _: "")
    ax.set_ylim(0, most * _ROOM)
    ax.set_title(fill(curve.title, _TITLE), loc="left", fontsize=10, color=INK)
    ax.set_xlabel(curve.sizes, fontsize=8.5, color=INK)
    ax.set_ylabel(curve.unit, fontsize=8.5, color=INK)
    ax.grid(color=GRID, linewidth=0.8)
    if len(curve.points[0][1]) > 1:
        ax.legend(frameon=False, fontsize=8.5, loc="upper left", labelcolor=INK)


def _size(value: float) -> str:
    """Format a size: "16", "10 k", "1 M"."""
    for limit, unit in ((1_000_000, " M"), (1000, " k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"
