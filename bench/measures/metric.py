"""The figures of a test."""

from typing import NamedTuple

Values = dict[str, float]
"""The figures of one run of one test, by Metric.key."""


class Metric(NamedTuple):
    """One figure: its key in the results, and its title and unit in tables and plots."""

    key: str
    title: str
    unit: str


TUNNEL = Metric("tunnel_s_per_gb", "tunnel CPU", "s/GB")
MACHINE = Metric("machine_s_per_gb", "machine CPU", "s/GB")
PEAK = Metric("peak_mb", "tunnel memory", "MB")
USAGE = (TUNNEL, MACHINE, PEAK)
"""Figures of bench/measures/usage.py; MB = 10^6 bytes, and meaning.GIGABYTE defines GB by kind."""
