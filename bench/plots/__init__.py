"""Plots of the figures."""

from collections.abc import Iterator
from pathlib import Path

from bench.plots import bars, curves, groups
from bench.results import Results

PLOTS = (
    bars.ratio,
    groups.streams,
    groups.rigs,
    bars.udp,
    bars.rtt,
    bars.cost,
    curves.scaling,
)


def draw(results: Results, folder: Path) -> Iterator[Path]:
    """Draw each plot for which there are figures; yield the path of each PNG."""
    for plot in PLOTS:
        yield from plot(results, folder)
