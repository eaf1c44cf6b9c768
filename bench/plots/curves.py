"""Curves of cost against size."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import summarize
from bench.plots import style
from bench.results import Curve, Results

_COLOURS = ("#d9480f", "#1f4e79", "#6d93b8")
_HEIGHT, _PANEL_WIDTH = 4.4, 2.8
_MIN_PANELS = 3  # the caption needs their width


def scaling(results: Results, folder: Path) -> Iterator[Path]:
    """Draw a panel for each curve; its cost axis is logarithmic if the costs differ widely."""
    if not results.curves:
        return
    titles = [curve.title.replace(", ", ",\n", 1) for curve in results.curves]
    title = "Cost against size, in process (without system calls)"
    width = _PANEL_WIDTH * max(len(titles), _MIN_PANELS)
    drawn, axes = style.figure(results, title, titles, _HEIGHT, width=width)
    for ax, curve in zip(axes, results.curves, strict=True):
        _curve(ax, curve)
    yield from style.save(drawn, folder, "scaling")


def _curve(ax: Any, curve: Curve) -> None:
    sizes = [size for size, _ in curve.points]
    most = 0.0
    spread = 1.0
    for colour, name in zip(_COLOURS, curve.points[0][1], strict=False):
        found = [summarize(costs[name]) for _, costs in curve.points]
        medians = [one.median for one in found if one]
        if len(medians) != len(sizes):
            continue
        ax.plot(sizes, medians, marker="o", color=colour, linewidth=2, markersize=5, label=name)
        low, high = [one.low for one in found if one], [one.high for one in found if one]
        ax.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
        most = max(most, *medians)
        spread = max(spread, max(medians) / min(medians))
    ax.set_xscale("log")
    if spread > 5:
        ax.set_yscale("log")
        ax.set_ylim(top=most * 20)
    else:
        ax.set_ylim(0, most * 1.5)
    ax.set_ylabel(curve.unit, fontsize=9, color=style.INK)
    ax.grid(color=style.GRID, linewidth=0.8)
    ax.legend(frameon=False, fontsize=8.5, loc="upper left")
