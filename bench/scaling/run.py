"""All curves of `scaling`; rounds alternate over the sizes."""

import statistics
from collections.abc import Callable

from rich.progress import Progress

from bench.results import Curve
from bench.scaling import endpoint, flows
from bench.scaling.load import MACS_PER_VNI, Table, octets_per_entry, sizes

ROUNDS = 5
BATCHES = 60
"""Number of batches in a round."""
TALKING = 1000
"""Most MACs with traffic, in tables that hold more."""
MOST_MACS, MOST_PEERS, MOST_VNIS = 1_000_000, 1000, 1000
MOST_FRAMES = 100_000
FEW_FLOWS = 200
_MEMORY_FROM = 4096  # in smaller tables the memory of the table hides that of the entries

Costs = dict[str, Callable[[], float]]
"""By name of the cost: a function that runs a batch and returns its figure."""


def run(
    progress: Progress, *, most: int = MOST_MACS, most_frames: int = MOST_FRAMES
) -> list[Curve]:
    """Measure every curve.

    Args:
        progress: the display.
        most: maximum number of entries in a table.
        most_frames: GSO frames for the memory curves, in each direction. A million take minutes.
    """
    task = progress.add_task("scaling", total=7)
    curves = []
    for measure in (_macs, _all_macs, _memory, _peers, _vnis):
        curves.append(measure(most))
        progress.advance(task)
    for measure in (_new_flows, _few_flows):
        curves.append(measure(most_frames))
        progress.advance(task)
    return curves


def _macs(most: int) -> Curve:
    tables = {size: Table(1, 1, size, TALKING) for size in sizes(most, 16, 16)}
    title = f"MACs in the FDB, {TALKING} of them with traffic"
    return _alternate(title, "MACs", {size: _both_ways(one) for size, one in tables.items()})


def _all_macs(most: int) -> Curve:
    tables = {size: Table(1, 1, size) for size in sizes(most, 16, 16)}
    title = "MACs in the FDB, all with random traffic"
    return _alternate(title, "MACs", {size: _both_ways(one) for size, one in tables.items()})


def _memory(most: int) -> Curve:
    curve = Curve("memory of the FDB", "MACs", "bytes an entry")
    curve.points = [
        (size, {"entry": [octets_per_entry(size)]})
        for size in sizes(most, min(most, _MEMORY_FROM), 16)
    ]
    return curve


def _peers(most: int) -> Curve:
    costs = {}
    for size in sizes(min(MOST_PEERS, most), 1, 10):
        table = Table(1, size, size)
        costs[size] = {
            "flooded frame": _flood(table),
            "decapsulate": _per_frame(table, table.decapsulate),
        }
    return _alternate("peers on the flood list", "peers", costs)


def _vnis(most: int) -> Curve:
    counts = sizes(max(1, min(MOST_VNIS, most // MACS_PER_VNI)), 1, 10)
    tables = {size: Table(size, 1, MACS_PER_VNI) for size in counts}
    title = f"VNIs, {MACS_PER_VNI} MACs in each"
    return _alternate(title, "VNIs", {size: _both_ways(one) for size, one in tables.items()})


def _new_flows(most: int) -> Curve:
    return _resident("GSO frames, each of a new flow and length", most, None)


def _few_flows(most: int) -> Curve:
    return _resident(f"GSO frames of {FEW_FLOWS} flows, each of a new length", most, FEW_FLOWS)


def _resident(title: str, most: int, amount: int | None) -> Curve:
    """Measure the memory of a process against the number of frames, of *amount* flows."""
    counts = list(sizes(most, min(most, 1000), 10))
    found = {
        direction: flows.resident(direction, counts, amount)
        for direction in ("encapsulate", "decapsulate")
    }
    curve = Curve(title, "frames", "MB resident")
    for number, count in enumerate(counts):
        curve.points.append((count, {name: [series[number]] for name, series in found.items()}))
    return curve


def _both_ways(table: Table) -> Costs:
    return {
        "encapsulate": _per_frame(table, table.encapsulate),
        "decapsulate": _per_frame(table, table.decapsulate),
    }


def _flood(table: Table) -> Callable[[], float]:
    return _per_frame(table, lambda: table.encapsulate(flood=True))


def _per_frame(table: Table, batch: Callable[[], float]) -> Callable[[], float]:
    return lambda: batch() / endpoint.BATCH * 1e6


def _alternate(title: str, noun: str, costs: dict[int, Costs]) -> Curve:
    """Measure each cost at each size, round by round; a figure is the median of its batches.

    The figures of a warm-up round before the first are discarded.
    """
    curve = Curve(title, noun, "us a frame")
    curve.points = [(size, {name: [] for name in named}) for size, named in costs.items()]
    for round_ in range(ROUNDS + 1):
        for size, series in curve.points:
            for name, batch in costs[size].items():
                middle = statistics.median(batch() for _ in range(BATCHES))
                if round_:
                    series[name].append(float(f"{middle:.4g}"))
    return curve
