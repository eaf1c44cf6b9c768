"""How results are read: names of tests, better directions, losses, bounds, and notes."""

import re
from collections.abc import Iterator, Sequence

from bench.measures.ndr import MOST_TRIALS
from bench.results import Cell, Results

_LOWER_ENDS = ("_us", "_percent", "_s_per_gb", "_mb", "retransmits", "_per_frame")
LOSS = {
    ("udp", "arrived_kpps"): "lost_before_eth0_percent",
    ("udp", "received_kpps"): "lost_percent",
    ("ndr", "kpps"): "lost_percent",
    ("rtt", "median_us"): "lost_percent",
}
"""By kind and Metric.key of a rate: the key of its loss. Both are shown together."""
LOWER_BOUND = {("ndr", "kpps"): "sender_limited", ("ndr", "mbps"): "sender_limited"}
"""By kind and Metric.key of a rate: the key that is 1 if the true rate may be higher."""
GIGABYTE = {
    "tcp": "GB: 10^9 bytes that iperf3 counts, the warm-up included.",
    "udp": "GB: 10^9 bytes of payload that arrived at eth0.",
    "many": "GB: 10^9 bytes that the receiver counts.",
}
"""By kind: the unit of CPU seconds for each GB."""

_SIZES = (
    "Sizes: UDP payload; the inner Ethernet frame is 42 bytes longer (62 bytes with IPv6 inside)."
)
_NOTES = {
    "udp": _SIZES,
    "ndr": _SIZES,
    "rtt": "Every 10 ms: ping waits 10 to 17 ms where the kernel has 250 ticks a second.",
}


def title(cell: Cell) -> str:
    """Return the name of a test with its units: "64-byte payload, wire 1500"."""
    return f"{_with_units(cell.kind, cell.case)}, {cell.rig}"


def yes_or_no(share: float) -> str:
    """Format a figure that is 1 or 0 in each round, by its median."""
    return "yes" if share >= 0.5 else "no"


def is_lower_better(key: str) -> bool:
    """Return whether a lower figure is the better one: times, losses, costs."""
    return key.endswith(_LOWER_ENDS) and key != "delivered_percent"


def notes(results: Results, kind: str) -> Iterator[str]:
    """Yield the sentences that belong below every table and plot of a kind."""
    if kind in _NOTES:
        yield _NOTES[kind]
    stopped = list(_stopped(results.of("ndr"))) if kind == "ndr" else []
    if stopped:
        names = "; ".join(stopped)
        yield f"Search used all of its {MOST_TRIALS} trials, so the rate may be too low: {names}."
    if failed := len(results.failures(kind)):
        yield f"{failed} run{'' if failed == 1 else 's'} of {kind} failed, see results.json."


def _stopped(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the searches for a no-drop rate that used up their trials."""
    for cell in cells:
        for name in cell.figures:
            trials = [one for one in cell.series(name, "trials") if one is not None]
            if stopped := sum(one >= MOST_TRIALS for one in trials):
                yield f"{name}, {title(cell)} ({stopped} of {len(trials)} rounds)"


def _with_units(kind: str, case: str) -> str:
    if kind in ("udp", "ndr"):
        return case.replace(" bytes", "-byte payload")
    if kind == "page":
        return case.replace(" octets", "-byte payload")
    return re.sub(r"\b(\d+)-(\d+)\b", _writes, case) if kind == "many" else case


def _writes(lengths: re.Match[str]) -> str:
    low, high = (int(one) for one in lengths.groups())
    return f"writes of {low:,} to {high:,} bytes"
