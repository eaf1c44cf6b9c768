"""`python -m bench`: TCP throughput of ours beside the kernel's vxlan, in one run.

The rig is the lab's two hosts. Rounds alternate, so that whatever else the machine does falls on
both; the figure to quote is the ratio, the median over the rounds of ours by the kernel's.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from vtep import __version__
from vtep.lab import TwoHosts, iperf3, two_hosts

RESULTS = Path(__file__).parent / "results"

Contender = Callable[[TwoHosts], AbstractContextManager[None]]
Samples = dict[str, list[float]]
"""Gb/s in each round, by contender."""


@contextmanager
def kernel(lab: TwoHosts) -> Iterator[None]:
    """Join them by the kernel's vxlan device at both ends."""
    lab.h1.kernel_vxlan("vx0", 100, lab.h2.address, "br0")
    lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0")
    yield


@contextmanager
def ours(lab: TwoHosts) -> Iterator[None]:
    """Join them by ours at both ends, default options."""
    options = ["--tap", "vx0", "--vni", "100", "--bridge", "br0", "--peer"]
    with lab.h1.vtep(*options, lab.h2.address), lab.h2.vtep(*options, lab.h1.address):
        yield


CONTENDERS: dict[str, Contender] = {"kernel": kernel, "vtep": ours}


def measure(contender: Contender, *, wire: bool, seconds: int, options: list[str]) -> float:
    """Return Gb/s of one TCP stream from c1 to c2 on a fresh rig."""
    with two_hosts(wire=wire) as lab, contender(lab):
        return iperf3(lab.c1, lab.c2, *options, seconds=seconds).bits_per_second / 1e9


def main() -> int:
    """Run the rounds, print the table, keep the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    console = Console()
    tests = {
        (underlay, direction): (wire, options)
        for underlay, wire in (("veth", False), ("wire", True))
        for direction, options in (("c1 to c2", []), ("c2 to c1", ["--reverse"]))
    }
    results: dict[tuple[str, str], Samples] = {}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(tests) * arguments.rounds * len(CONTENDERS))
        for test, (wire, options) in tests.items():
            samples = results[test] = {name: [] for name in CONTENDERS}
            for _ in range(arguments.rounds):
                for name, contender in CONTENDERS.items():
                    progress.update(task, description=f"{' '.join(test)}: {name}")
                    samples[name].append(
                        measure(contender, wire=wire, seconds=arguments.seconds, options=options)
                    )
                    progress.advance(task)
    console.print(table(results))
    print(f"kept in {keep(results)}")
    return 0


def table(results: dict[tuple[str, str], Samples]) -> Table:
    """Return the figures: median and spread of each contender, and the ratio to the kernel."""
    shown = Table("underlay", "TCP, one stream", *(f"{name} Gb/s" for name in CONTENDERS), "ratio")
    for (underlay, direction), samples in results.items():
        cells = [
            f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
            for values in samples.values()
        ]
        pairs = zip(samples["vtep"], samples["kernel"], strict=True)
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        shown.add_row(underlay, direction, *cells, f"{ratio:.3f}")
    return shown


def keep(results: dict[tuple[str, str], Samples]) -> Path:
    """Write the figures with the machine and the date; return where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("%Y-%m-%dT%H%M%S.json")
    tree = {
        "version": __version__,
        "date": time.strftime("%Y-%m-%d"),
        "machine": {"kernel": platform.release(), "python": platform.python_version()},
        "gigabits_per_second": {" ".join(test): samples for test, samples in results.items()},
    }
    path.write_text(json.dumps(tree, indent=2) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())
