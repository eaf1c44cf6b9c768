"""A figure with title, panels and footnotes."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bench.machine import caption
from bench.meaning import notes
from bench.plots.style import FAINT, GRID, INK
from bench.results import Cell, Results

DPI = 150
OVERLAPS = "\u2248"
"""Marks a figure whose range overlaps that of the reference."""
_EDGE, _TOP, _LEGEND, _LINE = 0.12, 0.48, 0.28, 0.165  # inches
_CHARACTERS = 17  # of a footnote, in an inch
_POINTS = 72  # in an inch


class Sheet:
    """A figure under construction; finish() returns it.

    Args:
        title: the title above all panels.
        size: width and height in inches, the height without title, legend and footnotes.
        grid: number of rows and columns of panels.
        share_x: whether all panels have the same scale.
    """

    def __init__(
        self,
        title: str,
        size: tuple[float, float],
        grid: tuple[int, int] = (1, 1),
        *,
        share_x: bool = False,
    ) -> None:
        self._title, self._size = title, size
        self._notes: list[str] = []
        self._handles: Sequence[Any] = ()
        self._figure = Figure(figsize=size, dpi=DPI)
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()
        axes = self._figure.subplots(*grid, squeeze=False, sharex=share_x)
        self.axes: list[Any] = list(axes.flat)
        for ax in self.axes:
            for side in ("top", "right", "left"):
                ax.spines[side].set_visible(False)
            ax.spines["bottom"].set_color(GRID)
            ax.tick_params(which="both", colors=INK, labelsize=8.5, length=0, labelbottom=True)
            ax.set_axisbelow(True)

    def note(self, text: str) -> None:
        """Add a footnote, once."""
        if text not in self._notes:
            self._notes.append(text)

    def width(self, text: str, **font: Any) -> float:
        """Return the width of a text in points."""
        written = self._figure.text(0, 0, text, **font)
        width: float = written.get_window_extent(self._renderer).width * _POINTS / DPI
        written.remove()
        return width

    def legend(self, handles: Sequence[Any]) -> None:
        """Draw a legend between the title and the panels."""
        self._handles = handles

    def finish(self, results: Results, kind: str) -> Figure:
        """Write title, footnotes, machine and lengths of the runs; return the figure."""
        width, room = self._size
        described = caption(results.machine, results.options, kind)
        paragraphs = [*self._notes, *notes(results, kind), described]
        columns = round((width - 2 * _EDGE) * _CHARACTERS)
        lines = [line for one in paragraphs for line in textwrap.wrap(one, columns)]
        bottom = _EDGE + _LINE * len(lines)
        top = _TOP + (_LEGEND if self._handles else 0)
        height = room + top + bottom
        self._figure.set_size_inches(width, height)
        inside = (_EDGE / width, bottom / height, 1 - 2 * _EDGE / width, room / height)
        self._figure.set_layout_engine(ConstrainedLayoutEngine(rect=inside, w_pad=0.12, h_pad=0.08))
        at = _EDGE / width
        self._figure.text(
            at, 1 - 0.36 / height, self._title, fontsize=14, fontweight="bold", color=INK
        )
        if self._handles:
            self._figure.legend(
                handles=self._handles,
                loc="upper left",
                bbox_to_anchor=(0, 1 - _TOP / height),
                ncols=len(self._handles),
                frameon=False,
                fontsize=8.5,
                handlelength=1.5,
                labelcolor=INK,
            )
        for number, line in enumerate(reversed(lines)):
            y = (_EDGE + _LINE * number) / height
            self._figure.text(at, y, line, fontsize=7.5, color=FAINT)
        return self._figure


def rounds(cells: Iterable[Cell], key: str) -> str:
    """Return the number of rounds with a figure: "n = 5 rounds", "n = 3 to 5 rounds"."""
    counts = [count for cell in cells for name in cell.figures if (count := taken(cell, name, key))]
    least, most = min(counts, default=0), max(counts, default=0)
    several = f"{least} to {most}" if least != most else str(most)
    return f"n = {several} round{'' if most == 1 else 's'}"


def taken(cell: Cell, name: str, key: str) -> int:
    """Return the number of rounds in which a contender has a figure."""
    return sum(value is not None for value in cell.series(name, key))
