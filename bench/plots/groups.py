"""Throughput of the main contenders by case and by rig, as groups of bars."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.figures import short, summarize
from bench.measures import Tcp
from bench.plots import style
from bench.results import Cell, Results
from bench.rig import UNDERLAYS, Rig

_CASES = [Tcp(), Tcp(1, "reverse"), Tcp(1, "both"), Tcp(4), Tcp(16)]
_RIGS = [
    ("MTU 1500", Rig("wire")),
    ("MTU 9000", Rig("wire", mtu=9000)),
    ("IPv6 inside", Rig("wire", inside=6)),
    ("IPv6 underlay", Rig("wire", family=6)),
]
_HEIGHT = 4.6


def streams(results: Results, folder: Path) -> Iterator[Path]:
    """Draw TCP throughput by number of streams and direction."""
    found = {
        underlay: [(str(case), results.find("tcp", str(case), Rig(underlay))) for case in _CASES]
        for underlay in reversed(UNDERLAYS)
    }
    panels = {name: _present(cells) for name, cells in found.items() if len(_present(cells)) > 1}
    if not panels:
        return
    titles = [f"{underlay}, Gb/s" for underlay in panels]
    drawn, axes = style.figure(results, "TCP by streams and directions", titles, _HEIGHT)
    for ax, cells in zip(axes, panels.values(), strict=True):
        _grouped(ax, cells)
    _legend(axes)
    yield from style.save(drawn, folder, "tcp-streams")


def rigs(results: Results, folder: Path) -> Iterator[Path]:
    """Draw the throughput of one TCP stream with larger packets and with IPv6."""
    cells = _present([(name, results.find("tcp", str(Tcp()), rig)) for name, rig in _RIGS])
    if len(cells) < 2:
        return
    title = "One TCP stream with larger packets and IPv6"
    drawn, axes = style.figure(results, title, ["wire, Gb/s"], _HEIGHT, width=8)
    _grouped(axes[0], cells)
    _legend(axes)
    yield from style.save(drawn, folder, "tcp-rigs")


def _present(cells: Sequence[tuple[str, Cell | None]]) -> list[tuple[str, Cell]]:
    return [(name, cell) for name, cell in cells if cell is not None and cell.figures]


def _grouped(ax: Any, cells: Sequence[tuple[str, Cell]]) -> None:
    """Draw a group of bars for each cell, with the contenders that all cells have."""
    first = cells[0][1].figures
    names = [name for name in first if all(name in cell.figures for _, cell in cells)]
    width = 0.8 / max(len(names), 1)
    for number, name in enumerate(names):
        for place, (_, cell) in enumerate(cells):
            one = summarize(cell.series(name, "gbps"))
            if one is None:
                continue
            x = place + (number - (len(names) - 1) / 2) * width
            bar = ax.bar(x, one.median, width * 0.9, color=style.colour(name))
            if not place:
                bar.set_label(style.label(name))
            if one.low != one.high:
                ax.plot([x, x], [one.low, one.high], color=style.INK, linewidth=1)
            ax.annotate(
                short(one.median),
                (x, one.high),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=style.INK,
            )
    ax.set_xticks(range(len(cells)), [name.replace(", ", "\n") for name, _ in cells])
    ax.grid(axis="y", color=style.GRID, linewidth=0.8)


def _legend(axes: Any) -> None:
    """Draw the legend above the last panel at the right."""
    handles, labels = axes[0].get_legend_handles_labels()
    above = {"loc": "lower right", "bbox_to_anchor": (1.01, 1.0), "ncols": len(labels)}
    axes[-1].legend(
        handles, labels, frameon=False, fontsize=8.5, handlelength=1.2, columnspacing=1.2, **above
    )
