"""Medians, spreads and ratios.

A figure is None for a round in which it was not measured. No statistic includes it.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

Series = Sequence[float | None]
"""One figure for each round."""


class Summary(NamedTuple):
    """Median, lowest and highest figure of several rounds."""

    median: float
    low: float
    high: float


def summarize(series: Series) -> Summary | None:
    """Return median and spread of the rounds that have a figure; None without any."""
    values = [value for value in series if value is not None]
    if not values:
        return None
    return Summary(statistics.median(values), min(values), max(values))


def ratios(mine: Series, theirs: Series) -> list[float | None]:
    """Divide round by round, because other load in a round affects both figures."""
    return [
        one / other if one is not None and other else None
        for one, other in zip(mine, theirs, strict=False)
    ]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: the lowest value that *percent* of all do not exceed.

    Raises:
        ValueError: *values* is empty.
    """
    if not values:
        raise ValueError("percentile: there are no values; measure at least one")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def short(value: float) -> str:
    """Format a figure with about three digits."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def median(summary: Summary | None) -> str:
    """Format the median, or a dash."""
    return "-" if summary is None else short(summary.median)


def with_spread(summary: Summary | None) -> str:
    """Format "median (lowest-highest)", "median" if both look the same, or a dash."""
    if summary is None:
        return "-"
    middle, low, high = map(short, summary)
    return middle if low == high else f"{middle} ({low}-{high})"


def overlap(one: Summary, other: Summary) -> bool:
    """Return whether the two ranges, each from lowest to highest, have a common part."""
    return one.low <= other.high and other.low <= one.high


def percent(value: float) -> str:
    """Format a share: "0 %", "<0.1 %", "4.2 %", "46 %"; one below 0 is due to rounding."""
    value = max(value, 0.0)
    if 0 < value < 0.1:
        return "<0.1 %"
    return f"{value:.1f} %" if value % 1 and value < 10 else f"{value:.0f} %"
