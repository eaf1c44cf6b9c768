"""Round trips with ping: idle, beside a TCP stream of 1 Gb/s, and while one fills the path."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from bench.figures import percentile
from bench.measures.metric import Metric, Values
from bench.rig import Joined
from vtep.lab import LabError, iperf3_command, iperf3_server, ping, wait_until

Load = Literal["idle", "often", "gigabit", "load"]
LOADS: tuple[Load, ...] = get_args(Load)

RTT = (
    Metric("median_us", "median", "us"),
    Metric("p99_us", "p99", "us"),
    Metric("max_us", "highest", "us"),
    Metric("samples", "answered", ""),
    Metric("lost_percent", "lost", "%"),
    Metric("load_gbps", "TCP load", "Gb/s"),
)
_WORDS = {
    "idle": "idle, every 200 ms",
    "often": "idle, every 10 ms",
    "gigabit": "beside 1 Gb/s, every 10 ms",
    "load": "saturated, every 10 ms",
}
_INTERVALS = {"idle": 0.2, "often": 0.01, "gigabit": 0.01, "load": 0.01}
_TICK_S = 0.007
"""ping waits with SO_RCVTIMEO, which adds up to two ticks of the kernel (HZ 250) to an interval."""
_STREAMS: dict[Load, tuple[str, ...]] = {"gigabit": ("--fq-rate", "1G"), "load": ()}
"""Options of the TCP stream beside the pings; the kernel's TCP paces it evenly."""
MIN_SAMPLES = 200
"""Requests of a run at least; the 99th percentile is then the third highest or lower."""
_FLOWING = 2_000_000  # octets that must arrive before the path counts as filled
_STREAM_S = 120  # longer than a run: the end of the block stops the stream


@dataclass(frozen=True, slots=True)
class Rtt:
    """Echo requests from c1 to c2."""

    kind: ClassVar[str] = "rtt"
    load: Load = "idle"

    def __str__(self) -> str:
        """Return its name: "saturated, every 10 ms"."""
        return _WORDS[self.load]

    def length(self, seconds: float) -> float:
        """Return the length of a run in seconds: *seconds*, or more for enough samples."""
        interval = _INTERVALS[self.load]
        return self._count(seconds) * (interval if interval > 0.1 else interval + _TICK_S)

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Ping for length(seconds)."""
        interval, count = _INTERVALS[self.load], self._count(seconds)
        loaded: Values = {}
        with _stream(ends, self.load) as reached:
            answered = ping(ends.client, ends.address, count=count, interval=interval)
            if reached is not None:
                loaded = {"load_gbps": reached() / 1e9}
        if not answered.times:
            raise LabError(f"ping: none of {count} requests was answered")
        return {
            "median_us": statistics.median(answered.times) * 1e6,
            "p99_us": percentile(answered.times, 99) * 1e6,
            "max_us": max(answered.times) * 1e6,
            "samples": len(answered.times),
            "lost_percent": 100 * (1 - len(answered.times) / answered.sent),
            **loaded,
        }

    def _count(self, seconds: float) -> int:
        return max(MIN_SAMPLES, round(seconds / _INTERVALS[self.load]))


@contextmanager
def _stream(ends: Joined, load: Load) -> Iterator[Callable[[], float] | None]:
    """Keep one TCP stream running during the block, from its first data on.

    Yields a function that returns the bits per second which have arrived at eth0 since the block
    began, or None without a stream.
    """
    if load not in _STREAMS:
        yield None
        return
    before = _arrived(ends)
    command = iperf3_command(ends.address, *_STREAMS[load], seconds=_STREAM_S)
    with iperf3_server(ends.server), ends.client.start(command) as client:
        wait_until(
            lambda: _arrived(ends) > before + _FLOWING or client.exit_code is not None,
            timeout=10.0,
            what="the TCP stream to flow",
        )
        began, octets = time.monotonic(), _arrived(ends)
        yield lambda: 8 * (_arrived(ends) - octets) / (time.monotonic() - began)
        if client.exit_code is not None:
            raise client.failure("ended before the pings")


def _arrived(ends: Joined) -> int:
    return int(ends.server.link("eth0")["stats64"]["rx"]["bytes"])
