"""TCP throughput with iperf3, by number of streams and direction."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from bench.measures.metric import USAGE, Metric, Values
from bench.measures.usage import measured, per_gigabyte
from bench.rig import Joined
from vtep.lab import iperf3_command, iperf3_result, iperf3_server

Direction = Literal["forward", "reverse", "both"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

TCP = (Metric("gbps", "received", "Gb/s"), *USAGE)

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

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Run it once."""
        command = iperf3_command(
            ends.address, *_OPTIONS[self.direction], seconds=seconds, streams=self.streams
        )
        with iperf3_server(ends.server), measured(ends.pids) as usage:
            done = ends.client.run(command, check=False, timeout=seconds + _EXTRA_S)
        rate, octets = received(iperf3_result(done.stdout or done.stderr).report)
        return {"gbps": rate / 1e9, **per_gigabyte(usage, octets)}


def received(report: dict[str, Any]) -> tuple[float, int]:
    """Return bits per second and octets received, the sum of both directions."""
    sums = [report["end"]["sum_received"]]
    if "sum_received_bidir_reverse" in report["end"]:
        sums.append(report["end"]["sum_received_bidir_reverse"])
    return sum(one["bits_per_second"] for one in sums), sum(one["bytes"] for one in sums)
