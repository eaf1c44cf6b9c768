"""UDP with iperf3 at its maximum rate: datagrams a second offered, arrived, received, and lost."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from bench.measures.arrivals import arrived
from bench.measures.metric import USAGE, Metric, Values
from bench.measures.usage import measured, per_gigabyte
from bench.rig import Joined
from vtep.lab import iperf3_command, iperf3_result, iperf3_server

UDP = (
    Metric("arrived_kpps", "arrived at eth0", "kpps"),
    Metric("received_kpps", "received", "kpps"),
    Metric("offered_kpps", "offered", "kpps"),
    Metric("lost_percent", "lost", "%"),
    Metric("lost_before_eth0_percent", "before eth0", "%"),
    *USAGE,
)
SIZES = (64, 512, 1400)
_EXTRA_S = 20.0


@dataclass(frozen=True, slots=True)
class Udp:
    """Datagrams with *size* octets of payload from c1 to c2, without a limit on the rate."""

    kind: ClassVar[str] = "udp"
    size: int = SIZES[0]

    def __str__(self) -> str:
        """Return its name: "64 bytes"."""
        return f"{self.size} bytes"

    def length(self, seconds: float) -> float:
        """Return the length of a run in seconds."""
        return seconds

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Run it once.

        The datagrams that arrived at eth0 are the tunnel's own figure: iperf3 may read fewer, if it
        gets too little CPU time.
        """
        with measured(ends.pids) as usage:
            sent = send(ends, self.size, None, seconds)
        return {
            "offered_kpps": sent.offered / sent.seconds / 1e3,
            "arrived_kpps": sent.arrived / sent.seconds / 1e3,
            "received_kpps": sent.received / sent.seconds / 1e3,
            "lost_percent": 100 * (1 - sent.received / sent.offered),
            "lost_before_eth0_percent": lost_percent(sent.offered, sent.arrived),
            **per_gigabyte(usage, sent.arrived * self.size),
        }


class Sent(NamedTuple):
    """Datagrams offered, arrived at eth0, received by iperf3, and the time in seconds."""

    offered: int
    arrived: int
    received: int
    seconds: float


def send(ends: Joined, size: int, rate: float | None, seconds: int, *options: str) -> Sent:
    """Send datagrams of *size* octets from c1 to c2 with iperf3.

    Args:
        ends: the containers.
        size: octets of data in each datagram.
        rate: datagrams a second; None for no limit.
        seconds: length of the run.
        options: more options of iperf3.
    """
    bitrate = 0 if rate is None else round(rate * size * 8)
    words = ["--bitrate", str(bitrate), "--length", str(size), *options]
    command = iperf3_command(ends.address, *words, seconds=seconds, udp=True)
    with iperf3_server(ends.server) as server:
        before = arrived(server.pid)
        done = ends.client.run(command, check=False, timeout=seconds + _EXTRA_S)
        after = arrived(server.pid)
    counted = count(iperf3_result(done.stdout or done.stderr).report)
    if not counted.offered:
        raise LookupError("iperf3 sent no datagrams; look at its report with --json")
    return Sent(counted.offered, after - before, counted.received, counted.seconds)


def lost_percent(offered: int, arrived: int) -> float:
    """Return the loss; the first datagram of iperf3, which it does not count, makes no gain."""
    return 100 * max(0.0, 1 - arrived / offered)


class Count(NamedTuple):
    """Datagrams sent, datagrams received, and the time in seconds."""

    offered: int
    received: int
    seconds: float


def count(report: dict[str, Any]) -> Count:
    """Read the datagrams from a UDP report; before iperf3 3.11 it has one sum only."""
    end = report["end"]
    sent, got = end.get("sum_sent", end["sum"]), end.get("sum_received", end["sum"])
    return Count(sent["packets"], got["packets"] - got["lost_packets"], sent["seconds"])
