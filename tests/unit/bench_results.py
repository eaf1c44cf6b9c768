"""Made-up results of a whole benchmark, with every kind of test."""

import random
from collections.abc import Callable, Sequence

from bench.contenders import CONTENDERS
from bench.measures.metric import Values
from bench.results import Cell, Curve, Results
from bench.rig import Rig

MAIN = ("bare", "kernel", "vtep", "vtep-inject")
ALL = tuple(CONTENDERS)
MACHINE = {
    "date": "2026-01-02 03:04",
    "cpu": "Some Vendor's Long Name of a CPU @ 2.10GHz",
    "cores": 2,
    "kernel": "6.18.44-cloud-amd64",
    "python": "3.11.7",
    "numpy": "2.4.6",
    "commit": "0123abc",
}
SPEED = {"bare": 9.0, "kernel": 8.0, "vtep": 4.0, "vtep-inject": 5.0}
"""In Gb/s; the others follow with less."""

WITH_ALL = ("1 stream", "64 bytes", "idle, every 10 ms", "saturated, every 10 ms")
"""The cases in which other contenders than MAIN take part."""

Kind = tuple[str, Sequence[str], Sequence[Rig], Callable[[float], Values]]


def made_up(
    names: Sequence[str] = ALL, *, rounds: int = 5, spread: float = 0.1, seed: int = 1
) -> Results:
    """Return results of *names*; a figure varies by the factor 1 +- *spread* between rounds."""
    source = random.Random(seed)
    cells = []
    for kind, cases, rigs, figures in KINDS:
        for rig in rigs:
            for case in cases:
                cell = Cell(kind, case, rig)
                part = names if case in WITH_ALL else [name for name in names if name in MAIN]
                for round_ in range(rounds):
                    for number, name in enumerate(part):
                        speed = SPEED.get(name, 1.2 / (1 + number))
                        varied = speed * source.uniform(1 - spread, 1 + spread)
                        loaded = (
                            {"load_gbps": varied / 2}
                            if kind == "rtt" and "idle" not in case
                            else {}
                        )
                        usage = {} if name in MAIN[:2] else {"tunnel_s_per_gb": 7 / varied}
                        usage |= {"peak_mb": 40 * speed} if usage else {}
                        cell.add(name, round_, figures(varied) | usage | loaded)
                cells.append(cell)
    options = {"rounds": rounds, "seconds": {"tcp": 10, "udp": 5, "ndr": 1, "rtt": 2}}
    contenders = {name: CONTENDERS[name].what for name in names}
    return Results(dict(MACHINE), options, contenders, {"tinc": "why"}, cells, curves(rounds))


def curves(rounds: int) -> list[Curve]:
    """Return the curves of `scaling`."""
    titles = {
        "MACs in the FDB, 1000 of them with traffic": ("MACs", "us a frame"),
        "MACs in the FDB, all with random traffic": ("MACs", "us a frame"),
        "memory of the FDB": ("MACs", "bytes an entry"),
        "peers on the flood list": ("peers", "us a frame"),
        "VNIs, 100 MACs in each": ("VNIs", "us a frame"),
        "GSO frames, each of a new flow and length": ("frames", "MB resident"),
        "GSO frames of 200 flows, each of a new length": ("frames", "MB resident"),
    }
    made = []
    for title, (sizes, unit) in titles.items():
        curve = Curve(title, sizes, unit)
        for power in range(1, 7):
            costs: dict[str, list[float | None]] = {
                "encapsulate": [power + round_ / 10 for round_ in range(rounds)],
                "decapsulate": [2.0 * power] * rounds,
            }
            curve.points.append((10**power, costs))
        made.append(curve)
    return made


def _udp(speed: float) -> Values:
    offered = 400.0
    arrived = min(offered, 30 * speed)
    return {
        "offered_kpps": offered,
        "arrived_kpps": arrived,
        "received_kpps": arrived * 0.7,
        "lost_percent": 100 * (1 - arrived * 0.7 / offered),
        "lost_before_eth0_percent": 100 * (1 - arrived / offered),
        "machine_s_per_gb": 90 / speed,
    }


def _rtt(speed: float) -> Values:
    middle = 90 * (9 / speed) ** 0.8
    times = {"median_us": middle, "p99_us": 2 * middle, "max_us": 9 * middle}
    return {**times, "samples": 200, "lost_percent": 0.02}


WIRE = [Rig("wire")]
KINDS: list[Kind] = [
    (
        "tcp",
        ["1 stream", "1 stream, reverse", "1 stream, both ways", "4 streams", "16 streams"],
        [Rig("wire"), Rig("veth")],
        lambda speed: {"gbps": speed, "retransmits": 12, "machine_s_per_gb": 9 / speed},
    ),
    (
        "tcp",
        ["1 stream"],
        [Rig("wire", mtu=9000), Rig("wire", inside=6), Rig("wire", family=6)],
        lambda speed: {"gbps": speed, "retransmits": 0, "machine_s_per_gb": 9 / speed},
    ),
    ("udp", ["64 bytes", "512 bytes", "1400 bytes"], WIRE, _udp),
    (
        "ndr",
        ["64 bytes", "512 bytes", "1400 bytes"],
        WIRE,
        lambda speed: {
            "kpps": 9 * speed,
            "mbps": 5 * speed,
            "lost_percent": 0.05,
            "trials": 9,
            "sender_limited": float(speed > 5),
        },
    ),
    (
        "rtt",
        [
            "idle, every 200 ms",
            "idle, every 10 ms",
            "beside 1 Gb/s, every 10 ms",
            "saturated, every 10 ms",
        ],
        WIRE,
        _rtt,
    ),
    (
        "rr",
        ["1 byte each way"],
        WIRE,
        lambda speed: {"tps": 2000 * speed, "median_us": 400 / speed, "p99_us": 900 / speed},
    ),
    (
        "many",
        ["200 connections, 1-65000"],
        WIRE,
        lambda speed: {
            "gbps": speed,
            "rss_start_mb": 51.2,
            "rss_middle_mb": 56.0,
            "rss_end_mb": 57.0,
            "machine_s_per_gb": 9 / speed,
        },
    ),
]
