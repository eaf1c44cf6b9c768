"""Round trips with ping: idle, and while a TCP stream fills the path."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from bench.figures import percentile
from bench.measures.metric import Metric, Values
from bench.rig import Joined
from vtep.lab import LabError, iperf3_command, iperf3_server, ping, wait_until

Load = Literal["idle", "often", "load"]
LOADS: tuple[Load, ...] = get_args(Load)

RTT = (
    Metric("median_us", "median", "us"),
    Metric("p99_us", "p99", "us"),
    Metric("lost_percent", "lost", "%"),
)
_WORDS = {
    "idle": "idle, every 200 ms",
    "often": "idle, every 10 ms",
    "load": "under load, every 10 ms",
}
_INTERVALS = {"idle": 0.2, "often": 0.01, "load": 0.01}
_MIN_SAMPLES = {"idle": 50, "often": 200, "load": 200}
_FLOWING = 2_000_000  # octets that must arrive before the path counts as filled
_STREAM_S = 30  # longer than a run: the end of the block stops the stream


@dataclass(frozen=True, slots=True)
class Rtt:
    """Echo requests from c1 to c2."""

    kind: ClassVar[str] = "rtt"
    load: Load = "idle"

    def __str__(self) -> str:
        """Return its name: "under load, every 10 ms"."""
        return _WORDS[self.load]

    def length(self, seconds: float) -> float:
        """Return the length of a run in seconds: *seconds*, or more for enough samples."""
        return max(seconds, _MIN_SAMPLES[self.load] * _INTERVALS[self.load])

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Ping for length(seconds)."""
        interval = _INTERVALS[self.load]
        count = round(self.length(seconds) / interval)
        with _stream(ends, self.load == "load"):
            answered = ping(ends.client, ends.address, count=count, interval=interval)
        if not answered.times:
            raise LabError(f"ping: none of {count} requests was answered")
        return {
            "median_us": statistics.median(answered.times) * 1e6,
            "p99_us": percentile(answered.times, 99) * 1e6,
            "lost_percent": 100 * (1 - len(answered.times) / answered.sent),
        }


@contextmanager
def _stream(ends: Joined, wanted: bool) -> Iterator[None]:
    """Keep one TCP stream running during the block, from its first data on."""
    if not wanted:
        yield
        return
    before = _arrived(ends)
    command = iperf3_command(ends.address, seconds=_STREAM_S)
    with iperf3_server(ends.server), ends.client.start(command) as client:
        wait_until(
            lambda: _arrived(ends) > before + _FLOWING or client.exit_code is not None,
            timeout=10.0,
            what="the TCP stream to flow",
        )
        yield
        if client.exit_code is not None:
            raise client.failure("ended before the pings")


def _arrived(ends: Joined) -> int:
    return int(ends.server.link("eth0")["stats64"]["rx"]["bytes"])
