"""Rates between two responses of /v1/stats, for `vtep top`."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Stats = Mapping[str, Any]

SPARKS, PLAIN_SPARKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_HISTORY = 30


@dataclass(frozen=True, slots=True)
class Direction:
    """Rates of one direction: out (encapsulated) or in (decapsulated).

    Attributes:
        bits: of inner frames, a second.
        frames: inner frames a second.
        reads: reads from a TAP or the socket a second; a GSO frame or merged datagrams are one.
        batch: mean number of reads in a batch.
        busy: share of the time spent on batches, 0..1.
    """

    bits: float
    frames: float
    reads: float
    batch: float
    busy: float


@dataclass(frozen=True, slots=True)
class DropRate:
    """Drops for one reason at one place: in all, and a second."""

    place: str
    reason: str
    count: int
    rate: float


def direction(now: Stats, before: Stats, way: str) -> Direction:
    """Return the rates of "tx" (out) or "rx" (in) between two responses."""
    seconds = seconds_between(now, before)
    batches = "encap" if way == "tx" else "decap"
    handled, then = now["batches"][batches], before["batches"][batches]
    reads = handled["frames"] - then["frames"]
    turns = handled["batches"] - then["batches"]
    return Direction(
        bits=8 * (_sum(now, f"{way}_bytes") - _sum(before, f"{way}_bytes")) / seconds,
        frames=(_sum(now, f"{way}_frames") - _sum(before, f"{way}_frames")) / seconds,
        reads=reads / seconds,
        batch=reads / turns if turns else 0.0,
        busy=min((handled["busy"] - then["busy"]) / seconds, 1.0),
    )


def rate(now: Mapping[str, Any], before: Mapping[str, Any], name: str, seconds: float) -> float:
    """Return the growth of a counter a second; a new counter began at 0."""
    return float(now[name] - before.get(name, 0)) / seconds


def drops(now: Stats, before: Stats) -> list[DropRate]:
    """Return all drops, the fastest growing first."""
    seconds = seconds_between(now, before)
    then = dict(_drops(before))
    found = [
        DropRate(place, reason, count, (count - then.get((place, reason), 0)) / seconds)
        for (place, reason), count in _drops(now)
    ]
    return sorted(found, key=lambda lost: (-lost.rate, -lost.count))


def peers_before(before: Stats) -> dict[tuple[int, str], Mapping[str, Any]]:
    """Return the peers of an earlier response by VNI and address."""
    return {(peer["vni"], peer["ip"]): peer for peer in before["peers"]}


class History:
    """The latest values of one rate, for a sparkline."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=_HISTORY)

    def add(self, value: float) -> None:
        """Append the newest value."""
        self._values.append(value)

    def line(self, width: int, sparks: str = SPARKS) -> str:
        """Return the last *width* values as bars; the highest bar is the largest value kept."""
        top = max(self._values, default=0.0)
        last = len(sparks) - 1
        return "".join(
            sparks[round(value / top * last) if top else 0] for value in list(self._values)[-width:]
        )


def scaled(value: float, unit: str = "") -> str:
    """Return a number in three or four digits: "1.23 Gbit/s", "45.6 k"."""
    for prefix in ("", "k", "M", "G", "T"):
        if value < 999.5 or prefix == "T":
            break
        value /= 1000
    digits = f"{value:.0f}" if not prefix or value >= 99.95 else f"{value:.3g}"
    return f"{digits} {prefix}{unit}".rstrip()


def fit(items: Sequence[Any], room: int) -> tuple[Sequence[Any], int]:
    """Return the items that fit into *room* lines, and the number of the others."""
    if len(items) <= room:
        return items, 0
    return items[: max(room - 1, 0)], len(items) - max(room - 1, 0)


def seconds_between(now: Stats, before: Stats) -> float:
    """Return the time between two responses."""
    return max(float(now["uptime"] - before["uptime"]), 1e-3)


def _sum(stats: Stats, name: str) -> int:
    return sum(int(overlay[name]) for overlay in stats["counters"]["overlays"].values())


def _drops(stats: Stats) -> Iterable[tuple[tuple[str, str], int]]:
    tree = stats["counters"]
    places = [("underlay", tree["underlay"])]
    places += [(f"tap {name}", tap) for name, tap in tree["taps"].items()]
    places += [(f"vni {vni}", overlay) for vni, overlay in tree["overlays"].items()]
    for place, counted in places:
        for reason, count in counted["drops"].items():
            yield (place, reason), count
