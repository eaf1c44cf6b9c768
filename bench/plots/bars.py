"""Throughput, cost and round trips, with a row for each contender."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.contenders import REFERENCE
from bench.figures import Summary, ratios, short, summarize
from bench.measures import Rtt, Tcp, Udp
from bench.measures.rtt import LOADS
from bench.measures.udp import SIZES
from bench.plots import style
from bench.results import Cell, Results
from bench.rig import UNDERLAYS, Rig

_PANELS = {
    "wire": "wire: finished, segmented packets, as on a network",
    "veth": "veth: GSO frames pass whole",
}
_ROW = 0.34  # inches
_HEAD = 1.9
_ROOM = 1.35  # leaves space for the text at the end of the longest bar


def ratio(results: Results, folder: Path) -> Iterator[Path]:
    """Draw one TCP stream, as a ratio to the kernel's vxlan of the same round."""
    cells = _cells(results, [("tcp", str(Tcp()), Rig(one)) for one in reversed(UNDERLAYS)])
    cells = [cell for cell in cells if REFERENCE in cell.figures]
    if not cells:
        return
    panels = [_PANELS[cell.rig.underlay] for cell in cells]
    title = "One TCP stream, as a share of the throughput of the kernel's vxlan"
    drawn, axes = style.figure(results, title, panels, _height(cells))
    for ax, cell in zip(axes, cells, strict=True):
        reference = cell.series(REFERENCE, "gbps")
        shares = {
            name: summarize(ratios(cell.series(name, "gbps"), reference)) for name in cell.figures
        }
        absolute = {name: summarize(cell.series(name, "gbps")) for name in cell.figures}
        notes = {name: f"{one.median:.1f} Gb/s" for name, one in absolute.items() if one}
        _bars(ax, shares, notes)
        ax.axvline(1, color=style.PALETTE["kernel"], linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    yield from style.save(drawn, folder, "tcp-ratio")


def cost(results: Results, folder: Path) -> Iterator[Path]:
    """Draw CPU time for a gigabyte, and memory."""
    cells = _cells(results, [("tcp", str(Tcp()), Rig("wire"))])
    if not cells:
        return
    panels = [
        "CPU seconds per GB received: tunnel, and the whole machine (pale)",
        "peak memory, MB",
    ]
    title = "Cost of one TCP stream (wire, both ends of the tunnel together)"
    drawn, (ax, memory) = style.figure(results, title, panels, _height(cells))
    [cell] = cells
    whole = {name: summarize(cell.series(name, "machine_s_per_gb")) for name in cell.figures}
    tunnel = {name: summarize(cell.series(name, "tunnel_s_per_gb")) for name in cell.figures}
    notes = {name: f"tunnel {short(one.median)}" for name, one in tunnel.items() if one}
    places = _bars(ax, whole, notes, alpha=0.35)
    for place, (name, one) in zip(places, tunnel.items(), strict=True):
        if one:
            ax.barh(place, one.median, height=0.62, color=style.colour(name))
    _bars(memory, {name: summarize(cell.series(name, "peak_mb")) for name in cell.figures}, {})
    yield from style.save(drawn, folder, "cost")


def udp(results: Results, folder: Path) -> Iterator[Path]:
    """Draw datagrams a second: offered, and received by the container's eth0."""
    cells = _cells(results, [("udp", str(Udp(size)), Rig("wire")) for size in SIZES])
    if not cells:
        return
    title = "UDP, thousand datagrams a second: received by the container (pale: sent)"
    panels = [f"{cell.case} each" for cell in cells]
    drawn, axes = style.figure(results, title, panels, _height(cells), share_x=True)
    names = _names(cells)
    most = 1.0
    for ax, cell in zip(axes, cells, strict=True):
        reached = {name: summarize(cell.series(name, "arrived_kpps")) for name in names}
        places = _bars(ax, reached, {}, named=ax is axes[0])
        for place, name in zip(places, names, strict=True):
            if offered := summarize(cell.series(name, "offered_kpps")):
                colour = style.colour(name)
                ax.barh(place, offered.median, height=0.62, color=colour, alpha=0.25)
                most = max(most, offered.median)
    axes[0].set_xlim(0, most * 1.05)
    yield from style.save(drawn, folder, "udp")


def rtt(results: Results, folder: Path) -> Iterator[Path]:
    """Draw round trips on a log scale: a dot for the median, a line to the 99th percentile."""
    cells = _cells(results, [("rtt", str(Rtt(load)), Rig("wire")) for load in LOADS])
    if not cells:
        return
    title = "Round trips: median, and a line to the 99th percentile"
    panels = [cell.case for cell in cells]
    drawn, axes = style.figure(results, title, panels, _height(cells), share_x=True)
    names = _names(cells)
    for ax, cell in zip(axes, cells, strict=True):
        ax.set_xscale("log")
        ax.margins(x=0.3)
        ax.xaxis.set_major_formatter(lambda value, _: microseconds(value))
        for place, name in zip(style.rows(ax, names, named=ax is axes[0]), names, strict=True):
            middle = summarize(cell.series(name, "median_us"))
            high = summarize(cell.series(name, "p99_us"))
            if middle is None or high is None:
                continue
            colour = style.colour(name)
            ax.plot([middle.median, high.median], [place, place], color=colour, linewidth=2.5)
            ax.plot([high.median], [place], marker="|", color=colour, markersize=9, mew=2.5)
            ax.plot([middle.median], [place], marker="o", color=colour, markersize=7)
            _note(ax, high.median, place, microseconds(middle.median), name)
    yield from style.save(drawn, folder, "rtt")


def microseconds(value: float) -> str:
    """Format a time in microseconds: "74 us", "5.3 ms", "14 ms"."""
    if value < 1000:
        return f"{value:.0f} us"
    return f"{value / 1000:.1f} ms" if value % 1000 and value < 10_000 else f"{value / 1000:.0f} ms"


def _names(cells: list[Cell]) -> list[str]:
    """Return the contenders of all cells, in order."""
    return list(dict.fromkeys(name for cell in cells for name in cell.figures))


def _cells(results: Results, wanted: list[tuple[str, str, Rig]]) -> list[Cell]:
    found = (results.find(*one) for one in wanted)
    return [cell for cell in found if cell is not None and cell.figures]


def _height(cells: list[Cell]) -> float:
    return _HEAD + _ROW * max(len(cell.figures) for cell in cells)


def _bars(
    ax: Any,
    values: dict[str, Summary | None],
    notes: dict[str, str],
    *,
    alpha: float = 1.0,
    named: bool = True,
) -> range:
    """Draw a bar for each median, its spread as a thin line, and its value at the end."""
    places = style.rows(ax, list(values), named=named)
    for place, (name, one) in zip(places, values.items(), strict=True):
        if one is None:
            continue
        ax.barh(place, one.median, height=0.62, color=style.colour(name), alpha=alpha)
        if one.low != one.high:
            ax.plot([one.low, one.high], [place, place], color=style.INK, linewidth=1)
        written = short(one.median) + (f"   {notes[name]}" if name in notes else "")
        _note(ax, one.high, place, written, name)
    ends = [one.high for one in values.values() if one]
    ax.set_xlim(0, max(ends, default=1) * _ROOM)
    return places


def _note(ax: Any, x: float, y: float, text: str, name: str) -> None:
    ours = name.startswith("vtep")
    ax.annotate(
        text,
        (x, y),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=style.PALETTE["vtep"] if ours else style.INK,
        fontweight="bold" if ours else "normal",
    )
