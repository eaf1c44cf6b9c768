"""Plots of the figures.

sheet.py   a figure with title, panels and footnotes
rows.py    a panel with a row for each contender
chart.py   a plot of one figure
style.py   colours and labels
tcp.py, udp.py, rtt.py, many.py, cost.py, curves.py   the plots
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from bench.plots import cost, curves, many, rtt, tcp, udp
from bench.results import Results

PLOTS: dict[str, Callable[[Results], Figure | None]] = {
    "tcp-ratio": tcp.ratio,
    "tcp-streams": tcp.streams,
    "tcp-rigs": tcp.rigs,
    "udp": udp.unlimited,
    "ndr": udp.no_drop,
    "rtt": rtt.pings,
    "rr": rtt.transactions,
    "many": many.many,
    "cost": cost.cost,
    "scaling": curves.scaling,
}
"""By name of the file: returns the figure, or None without figures to draw."""


def figures(results: Results) -> Iterator[tuple[str, Figure]]:
    """Yield the name and the figure of each plot for which there are figures."""
    for name, plot in PLOTS.items():
        if (drawn := plot(results)) is not None:
            yield name, drawn


def draw(results: Results, folder: Path) -> Iterator[Path]:
    """Write each plot for which there are figures as PNG; yield its path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in figures(results):
        path = folder / f"{name}.png"
        drawn.savefig(path, facecolor="white")
        yield path
