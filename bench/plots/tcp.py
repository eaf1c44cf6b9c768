"""TCP throughput: as a ratio to the kernel's vxlan, by streams, by packet size and IP version."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from bench.contenders import REFERENCE
from bench.figures import ratios, short, summarize, with_spread
from bench.measures import Tcp
from bench.plots.chart import HEAD, Column, medians, summaries
from bench.plots.rows import ROW, Group, Rows, length
from bench.plots.sheet import Sheet, rounds
from bench.plots.style import PALETTE, label
from bench.results import Cell, Results
from bench.rig import UNDERLAYS, Rig

_PANELS = {
    "wire": "wire: finished, segmented packets, as on a network",
    "veth": "veth: GSO frames pass whole",
}
_CASES = [Tcp(), Tcp(1, "reverse"), Tcp(1, "both"), Tcp(4), Tcp(16)]
_RIGS = {
    "MTU 1500, IPv4": Rig("wire"),
    "MTU 9000": Rig("wire", mtu=9000),
    "IPv6 inside": Rig("wire", inside=6),
    "IPv6 underlay": Rig("wire", family=6),
}
_WIDTH = 12.5
_NO_FIGURE = "-: the contender was not measured in this test, or all of its runs failed."


def ratio(results: Results) -> Figure | None:
    """Draw one TCP stream, as a ratio to the kernel's vxlan of the same round."""
    found = [results.find("tcp", str(Tcp()), Rig(one)) for one in reversed(UNDERLAYS)]
    cells = [cell for cell in found if cell is not None and REFERENCE in cell.figures]
    if not cells:
        return None
    names = _names(cells)
    rows: list[Group] = [("", names)]
    title = "One TCP stream, as a share of the throughput of the kernel's vxlan"
    size = (_WIDTH, HEAD + ROW * 1.15 * length(rows))
    sheet = Sheet(title, size, (1, len(cells)), share_x=True)
    for ax, cell in zip(sheet.axes, cells, strict=True):
        panel = Rows(sheet, ax, rows, named=ax is sheet.axes[0])
        reference = cell.series(REFERENCE, "gbps")
        shares = {name: summarize(ratios(cell.series(name, "gbps"), reference)) for name in names}
        panel.bars(0, shares)
        panel.spreads(0, shares)
        panel.ranges("ratio\n(lowest-highest)", [shares], with_spread)
        if None in shares.values():
            sheet.note(_NO_FIGURE)
        gbps = Column("median\nGb/s", "gbps", short)
        panel.column(gbps.heading, medians(panel, [cell], gbps))
        panel.counts([cell], "gbps")
        ax.axvline(1, color=PALETTE["kernel"], linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        panel.write(_PANELS[cell.rig.underlay], f"ratio to {label(REFERENCE)} of the same round")
    sheet.axes[0].set_xlim(left=0)  # for all panels; any earlier, it would fix their scale
    sheet.note(
        f"Bars: medians of the ratios of each round, {rounds(cells, 'gbps')}. "
        "Thin lines: lowest to highest round."
    )
    return sheet.finish(results, "tcp")


def streams(results: Results) -> Figure | None:
    """Draw TCP throughput by number of streams and direction, for each underlay."""
    panels: dict[str, dict[str, Cell]] = {}
    for underlay in reversed(UNDERLAYS):
        found = {str(one): results.find("tcp", str(one), Rig(underlay)) for one in _CASES}
        cells = {name: cell for name, cell in found.items() if cell is not None and cell.figures}
        if len(cells) > 1:
            panels[_PANELS[underlay]] = cells
    return _grouped(results, "TCP throughput by streams and directions", panels)


def rigs(results: Results) -> Figure | None:
    """Draw the throughput of one TCP stream with larger packets and with IPv6."""
    found = {name: results.find("tcp", str(Tcp()), rig) for name, rig in _RIGS.items()}
    cells = {name: cell for name, cell in found.items() if cell is not None and cell.figures}
    panels = {_PANELS["wire"]: cells} if len(cells) > 1 else {}
    return _grouped(results, "One TCP stream with larger packets and with IPv6", panels)


def _grouped(results: Results, title: str, panels: dict[str, dict[str, Cell]]) -> Figure | None:
    """Draw a panel for each underlay, with a group of rows for each test.

    The contenders are those that took part in every test, even if they failed in some.
    """
    cells = [cell for panel in panels.values() for cell in panel.values()]
    names = [name for name in _names(cells) if all(results.took_part(cell, name) for cell in cells)]
    if not names:
        return None
    headings = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    rows: list[Group] = [(heading, names) for heading in headings]
    width = _WIDTH if len(panels) > 1 else 8.5
    sheet = Sheet(title, (width, HEAD + ROW * length(rows)), (1, len(panels)))
    for ax, (where, tests) in zip(sheet.axes, panels.items(), strict=True):
        panel = Rows(sheet, ax, rows, named=ax is sheet.axes[0])
        values = [
            summaries(tests[heading], "gbps") if heading in tests else {} for heading in headings
        ]
        values = [{name: one.get(name) for name in names} for one in values]
        for group, one in enumerate(values):
            panel.bars(group, one)
            panel.spreads(group, one)
        panel.ranges("median\n(lowest-highest)", values, with_spread)
        if any(None in one.values() for one in values):
            sheet.note(_NO_FIGURE)
        ax.set_xlim(left=0)
        panel.write(where, "received, Gb/s")
    sheet.note(f"Bars: medians, {rounds(cells, 'gbps')}. Thin lines: lowest to highest round.")
    return sheet.finish(results, "tcp")


def _names(cells: Sequence[Cell]) -> list[str]:
    """Return the contenders of all cells, in order."""
    return list(dict.fromkeys(name for cell in cells for name in cell.figures))
