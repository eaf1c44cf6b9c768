"""UDP: datagrams a second with their loss, and the no-drop rate."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.figures import percent, short, with_spread
from bench.meaning import yes_or_no
from bench.plots.chart import HEAD, WIDTH, Column, by_test, chart, medians, summaries
from bench.plots.rows import ROW, Rows, length
from bench.plots.sheet import Sheet, rounds
from bench.plots.style import PALETTE
from bench.results import Results

_TALL = 1.25  # a row with two bars, in rows
_OFFERED, _ARRIVED, _RECEIVED = 0.2, 0.55, 1.0  # opacity
_KPPS = "thousand datagrams a second (kpps)"


def unlimited(results: Results) -> Figure | None:
    """Draw datagrams a second: offered, arrived at eth0, received by iperf3, and the losses."""
    cells = results.of("udp")
    if not cells:
        return None
    groups = by_test(cells)
    title = "UDP, as fast as it is sent: datagrams a second and their loss"
    sheet = Sheet(title, (WIDTH, HEAD + _TALL * ROW * length(groups)))
    panel = Rows(sheet, sheet.axes[0], groups)
    arrived = [summaries(cell, "arrived_kpps") for cell in cells]
    received = [summaries(cell, "received_kpps") for cell in cells]
    for group, cell in enumerate(cells):
        panel.bars(group, summaries(cell, "offered_kpps"), alpha=_OFFERED)
        panel.bars(group, arrived[group], alpha=_ARRIVED, part=0, of=2)
        panel.bars(group, received[group], alpha=_RECEIVED, part=1, of=2)
        panel.spreads(group, arrived[group], part=0, of=2)
        panel.spreads(group, received[group], part=1, of=2)
    offered = Column("offered", "offered_kpps", short)
    lost_before = Column("lost before", "lost_before_eth0_percent", percent)
    lost = Column("lost", "lost_percent", percent)
    panel.column(offered.heading, medians(panel, cells, offered), strong=False)
    panel.ranges("arrived at eth0", arrived, with_spread)
    panel.column(lost_before.heading, medians(panel, cells, lost_before))
    panel.ranges("received by iperf3", received, with_spread)
    panel.column(lost.heading, medians(panel, cells, lost))
    panel.counts(cells, "received_kpps")
    sheet.axes[0].set_xlim(left=0)
    panel.write("", _KPPS)
    hue = PALETTE["kernel"]
    arrived_label = "upper half: arrived at the container's eth0"
    sheet.legend(
        [
            Patch(color=hue, alpha=_OFFERED, label="offered by the sender"),
            Patch(color=hue, alpha=_ARRIVED, label=arrived_label),
            Patch(color=hue, alpha=_RECEIVED, label="lower half: received by iperf3"),
        ]
    )
    sheet.note(
        f"Bars: medians in kpps, {rounds(cells, 'received_kpps')}. Thin lines and brackets: lowest "
        "to highest round. Losses: median share of the datagrams offered."
    )
    return sheet.finish(results, "udp")


def no_drop(results: Results) -> Figure | None:
    """Draw the highest rate without loss, by size."""
    return chart(
        results,
        "ndr",
        "kpps",
        title="No-drop rate: the highest UDP rate with a loss of at most 0.1 % (RFC 2544)",
        unit=_KPPS,
        heading="kpps\n(lowest-highest)",
        columns=[
            Column("lost", "lost_percent", percent),
            Column("Mb/s", "mbps", short),
            Column("trials", "trials", "{:.0f}".format),
            Column("limited\nby sender", "sender_limited", yes_or_no),
        ],
        note="Loss: median, at that rate. Trials: rates that a search has tried, median. "
        "Limited by sender: the tunnel may carry more, because the sender cannot send more.",
    )
