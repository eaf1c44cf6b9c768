"""Colours, labels and layout of all plots, and writing of PNG files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bench.machine import caption
from bench.results import Results

LABELS = {
    "bare": "bare underlay",
    "kernel": "kernel vxlan",
    "vtep": "vtep",
    "vtep-inject": "vtep, inject",
    "vtep-plain": "vtep, no offload",
    "loop": "plain Python loop",
    "ovs": "OVS, AF_PACKET",
    "ovs-afxdp": "OVS, AF_XDP",
    "openvpn": "OpenVPN",
}
"""Labels of contenders in plots, if they differ from the name."""

INK, FAINT, GRID = "#22303c", "#6b7a88", "#dde3e8"
OTHERS = "#a9b8c6"
PALETTE = {
    "vtep": "#d9480f",
    "vtep-inject": "#f08c4a",
    "vtep-plain": "#f6c19b",
    "kernel": "#1f4e79",
    "bare": "#6d93b8",
}
"""vtep in a warm colour and its tints, Linux in blue, all others in grey."""

_DPI = 150


def label(name: str) -> str:
    """Return the label of a contender."""
    return LABELS.get(name, name)


def colour(name: str) -> str:
    """Return the colour of a contender."""
    return PALETTE.get(name, OTHERS)


def figure(
    results: Results,
    title: str,
    panels: Sequence[str],
    height: float,
    *,
    width: float = 11,
    share_x: bool = False,
) -> tuple[Any, Any]:
    """Return a figure with title and caption, and its axes side by side.

    Sizes are in inches; with *share_x* all panels have the same scale.
    """
    edge, bottom, top = 0.1, 0.32, 0.48
    inside = (edge / width, bottom / height, 1 - 2 * edge / width, 1 - (bottom + top) / height)
    room = ConstrainedLayoutEngine(rect=inside, w_pad=0.12)
    made = Figure(figsize=(width, height), layout=room)
    at = edge / width
    made.text(at, 1 - 0.36 / height, title, fontsize=14, fontweight="bold", color=INK)
    made.text(at, 0.12 / height, caption(results.machine), fontsize=7.5, color=FAINT)
    axes = made.subplots(1, len(panels), squeeze=False, sharex=share_x)[0]
    for ax, panel in zip(axes, panels, strict=True):
        ax.set_title(panel, loc="left", fontsize=10.5, color=INK)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color(GRID)
        ax.tick_params(which="both", colors=INK, labelsize=9, length=0)
        ax.set_axisbelow(True)
    return made, axes


def rows(ax: Any, names: Sequence[str], *, named: bool = True) -> range:
    """Give a panel a row for each contender, the first on top; return the positions."""
    places = range(len(names))
    ax.set_yticks(list(places), [label(name) if named else "" for name in names])
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        if name.startswith("vtep"):
            tick.set(color=PALETTE["vtep"], fontweight="bold")
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    return places


def save(drawn: Any, folder: Path, name: str) -> Iterator[Path]:
    """Write a figure as PNG; yield its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    drawn.savefig(path, dpi=_DPI, facecolor="white")
    yield path
