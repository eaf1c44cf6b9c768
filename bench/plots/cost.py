"""CPU time and memory of one TCP stream."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.figures import short, with_spread
from bench.meaning import GIGABYTE
from bench.measures import Tcp
from bench.plots.chart import HEAD, Column, medians, summaries
from bench.plots.rows import ROW, Group, Rows, length
from bench.plots.sheet import Sheet, rounds
from bench.plots.style import PALETTE
from bench.results import Results
from bench.rig import Rig

_WHOLE = 0.35  # opacity


def cost(results: Results) -> Figure | None:
    """Draw CPU time for a gigabyte, of tunnel and machine, and memory of the tunnel."""
    cell = results.find("tcp", str(Tcp()), Rig("wire"))
    if cell is None or not cell.figures:
        return None
    groups: list[Group] = [("", list(cell.figures))]
    title = "Cost of one TCP stream (wire; both ends of the tunnel together)"
    sheet = Sheet(title, (12.5, HEAD + ROW * length(groups)), (1, 2))
    time, memory = (Rows(sheet, ax, groups, named=not n) for n, ax in enumerate(sheet.axes))
    machine, tunnel, peak = (
        summaries(cell, key) for key in ("machine_s_per_gb", "tunnel_s_per_gb", "peak_mb")
    )
    time.bars(0, machine, alpha=_WHOLE)
    time.bars(0, tunnel)
    time.spreads(0, machine)
    memory.bars(0, peak)
    memory.spreads(0, peak)
    time.ranges("machine\n(lowest-highest)", [machine], with_spread)
    time.column("tunnel", medians(time, [cell], Column("", "tunnel_s_per_gb", short)))
    memory.ranges("median\n(lowest-highest)", [peak], with_spread)
    for ax in sheet.axes:
        ax.set_xlim(left=0)
    time.counts([cell], "machine_s_per_gb")
    time.write("CPU time", "CPU seconds for each GB")
    memory.write("peak of the tunnel's memory", "MB")
    hue = PALETTE["vtep"]
    sheet.legend(
        [
            Patch(color=hue, label="processes of the tunnel"),
            Patch(color=hue, alpha=_WHOLE, label="whole machine"),
        ]
    )
    sheet.note(
        f"Bars: medians, {rounds([cell], 'machine_s_per_gb')}. Thin lines: lowest to highest "
        "round, of the whole machine and of the memory. The kernel's vxlan has no process: "
        "only the time of the whole machine includes its work."
    )
    sheet.note(GIGABYTE["tcp"])
    return sheet.finish(results, "tcp")
