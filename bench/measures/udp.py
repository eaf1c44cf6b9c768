"""UDP with iperf3 at its maximum rate: datagrams a second offered, received, and lost."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from bench.measures.metric import USAGE, Metric, Values
from bench.measures.usage import measured, per_gigabyte
from bench.rig import Joined
from vtep.lab import iperf3_command, iperf3_result, iperf3_server

UDP = (
    Metric("received_kpps", "received", "kpps"),
    Metric("nic_kpps", "reached eth0", "kpps"),
    Metric("offered_kpps", "offered", "kpps"),
    Metric("lost_percent", "lost", "%"),
    *USAGE,
)
SIZES = (64, 512, 1400)
_HEADERS = {4: 14 + 20 + 8, 6: 14 + 40 + 8}
"""Octets of Ethernet, IP and UDP headers, by IP version."""
_EXTRA_S = 20.0


@dataclass(frozen=True, slots=True)
class Udp:
    """Datagrams of *size* octets from c1 to c2, without a limit on the rate."""

    kind: ClassVar[str] = "udp"
    size: int = 64

    def __str__(self) -> str:
        """Return its name: "64 octets"."""
        return f"{self.size} octets"

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Run it once.

        The datagrams that reached eth0 are the tunnel's own figure: iperf3 may read fewer, if it
        gets too little CPU time.
        """
        command = iperf3_command(
            ends.address, "--bitrate", "0", "--length", str(self.size), seconds=seconds, udp=True
        )
        with iperf3_server(ends.server), measured(ends.pids) as usage:
            before = _arrived(ends)
            done = ends.client.run(command, check=False, timeout=seconds + _EXTRA_S)
            after = _arrived(ends)
        counted = count(iperf3_result(done.stdout or done.stderr).report)
        frames, octets = (new - old for old, new in zip(before, after, strict=True))
        headers = _HEADERS[6 if ":" in ends.address else 4]
        arrived = datagrams(frames, octets, headers, self.size)
        return {
            "received_kpps": counted.received / counted.seconds / 1e3,
            "nic_kpps": arrived / counted.seconds / 1e3,
            "offered_kpps": counted.offered / counted.seconds / 1e3,
            "lost_percent": 100 * (1 - counted.received / counted.offered),
            **per_gigabyte(usage, counted.received * self.size),
        }


class Count(NamedTuple):
    """Datagrams sent, datagrams received, and the time in seconds."""

    offered: int
    received: int
    seconds: float


def count(report: dict[str, Any]) -> Count:
    """Read the datagrams from a UDP report; up to iperf3 3.11 it has one sum only."""
    end = report["end"]
    sent, got = end.get("sum_sent", end["sum"]), end.get("sum_received", end["sum"])
    return Count(sent["packets"], got["packets"] - got["lost_packets"], sent["seconds"])


def datagrams(frames: int, octets: int, headers: int, size: int) -> float:
    """Return the number of datagrams of *size* in *frames*, each with *headers* octets once.

    A GSO frame has many datagrams.
    """
    return (octets - frames * headers) / size


def _arrived(ends: Joined) -> tuple[int, int]:
    """Return the frames and the octets that eth0 of the server has received."""
    counted = ends.server.link("eth0")["stats64"]["rx"]
    return int(counted["packets"]), int(counted["bytes"])
