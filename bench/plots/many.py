"""Many TCP connections: throughput, and memory of the daemons."""

from matplotlib.figure import Figure

from bench.figures import short
from bench.plots.chart import Column, chart
from bench.results import Results


def many(results: Results) -> Figure | None:
    """Draw the throughput; a column shows the memory of the larger daemon."""
    return chart(
        results,
        "many",
        "gbps",
        title="Many TCP connections, writes of random length",
        unit="received, Gb/s",
        heading="Gb/s\n(lowest-highest)",
        columns=[
            Column("RSS, MB\nat the start", "rss_start_mb", short),
            Column("in the\nmiddle", "rss_middle_mb", short),
            Column("at the\nend", "rss_end_mb", short),
        ],
        note="RSS: resident memory of the larger daemon, median.",
    )
