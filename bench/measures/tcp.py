"""TCP throughput with iperf3, by number of streams and direction."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from bench.measures.metric import USAGE, Metric, Values
from bench.measures.usage import measured, per_gigabyte
from bench.rig import Joined
from vtep.lab import iperf3_command, iperf3_result, iperf3_server

Direction = Literal["forward", "reverse", "both"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

TCP = (
    Metric("gbps", "received", "Gb/s"),
    Metric("retransmits", "retransmits", ""),
    *USAGE,
)
WARM_UP_S = 1
"""Seconds before the run that its throughput and retransmits do not include: slow start."""

_OPTIONS = {"forward": [], "reverse": ["--reverse"], "both": ["--bidir"]}
_WORDS = {"forward": "", "reverse": ", reverse", "both": ", both ways"}
_EXTRA_S = 20.0


@dataclass(frozen=True, slots=True)
class Tcp:
    """Streams from c1 to c2 ("forward"), back ("reverse"), or in both directions ("both")."""

    kind: ClassVar[str] = "tcp"
    streams: int = 1
    direction: Direction = "forward"

    def __str__(self) -> str:
        """Return its name: "1 stream", "4 streams, reverse"."""
        plural = "" if self.streams == 1 else "s"
        return f"{self.streams} stream{plural}{_WORDS[self.direction]}"

    def length(self, seconds: float) -> float:
        """Return the length of a run with its warm-up, in seconds."""
        return seconds + WARM_UP_S

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Run it once.

        CPU time is for the bytes that iperf3 counts, the warm-up included.
        """
        options = [*_OPTIONS[self.direction], "--omit", str(WARM_UP_S)]
        command = iperf3_command(ends.address, *options, seconds=seconds, streams=self.streams)
        with iperf3_server(ends.server), measured(ends.pids) as usage:
            done = ends.client.run(command, check=False, timeout=self.length(seconds) + _EXTRA_S)
        report = iperf3_result(done.stdout or done.stderr).report
        return {
            "gbps": received(report) / 1e9,
            "retransmits": retransmits(report),
            **per_gigabyte(usage, carried(report)),
        }


def received(report: dict[str, Any]) -> float:
    """Return the bits per second received after the warm-up, the sum of both directions."""
    return float(sum(one["bits_per_second"] for one in _sums(report, "sum_received")))


def retransmits(report: dict[str, Any]) -> int:
    """Return the segments sent again after the warm-up, the sum of both directions."""
    return sum(one.get("retransmits", 0) for one in _sums(report, "sum_sent"))


def carried(report: dict[str, Any]) -> int:
    """Return the bytes that iperf3 counts, the warm-up included, the sum of both directions.

    The client counts them in its intervals: those that it sent, and those that it received.
    """
    keys = ("sum", "sum_bidir_reverse")
    return sum(part[key]["bytes"] for part in report["intervals"] for key in keys if key in part)


def _sums(report: dict[str, Any], key: str) -> list[dict[str, Any]]:
    end = report["end"]
    return [end[one] for one in (key, f"{key}_bidir_reverse") if one in end]
