"""Many TCP connections with writes of random length: throughput and memory of the daemons."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from bench.measures.metric import MACHINE, TUNNEL, Metric, Values
from bench.measures.usage import measured, per_gigabyte, resident_octets
from bench.rig import Joined
from vtep.lab import Netns, Process
from vtep.lab.ready import start_ready

MANY = (
    Metric("gbps", "received", "Gb/s"),
    Metric("rss_start_mb", "RSS at start", "MB"),
    Metric("rss_middle_mb", "in the middle", "MB"),
    Metric("rss_end_mb", "at the end", "MB"),
    TUNNEL,
    MACHINE,
)
"""RSS is that of the larger of the two daemons."""

CONNECTIONS = 200
WRITES = (1, 65_000)
_SEED = 1
_EXTRA_S = 20.0


@dataclass(frozen=True, slots=True)
class Many:
    """TCP connections from c1 to c2, all of which write.

    Attributes:
        connections: their number.
        low, high: shortest and longest write in octets; lengths are uniform between them.
        pace: writes a second of all connections together; None for no limit.
    """

    kind: ClassVar[str] = "many"
    connections: int = CONNECTIONS
    low: int = WRITES[0]
    high: int = WRITES[1]
    pace: int | None = None

    def __str__(self) -> str:
        """Return its name: "200 connections, 1-65000", with "4000 writes/s" if paced."""
        paced = "" if self.pace is None else f", {self.pace} writes/s"
        return f"{self.connections} connections, {self.low}-{self.high}{paced}"

    def length(self, seconds: float) -> float:
        """Return the length of a run in seconds."""
        return seconds

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Run it once."""
        rss = [_rss_mb(ends.pids)]
        with (
            measured(ends.pids) as usage,
            traffic(ends.client, ends.server, ends.address, self, seconds) as receiver,
        ):
            time.sleep(seconds / 2)
            rss.append(_rss_mb(ends.pids))
            counted = finish(receiver, seconds)
            rss.append(_rss_mb(ends.pids))
        keys = ("rss_start_mb", "rss_middle_mb", "rss_end_mb")
        memory = dict(zip(keys, rss, strict=True)) if ends.pids else {}
        gbps = 8e-9 * counted["octets"] / counted["seconds"]
        return {"gbps": gbps, **memory, **per_gigabyte(usage, counted["octets"])}


@contextmanager
def traffic(
    client: Netns, server: Netns, address: str, case: Many, seconds: float
) -> Iterator[Process]:
    """Run bench/connections.py at both ends; yield the receiver when it listens.

    The receiver ends *seconds* after the first octet.
    """
    program = "bench.connections"
    receiver, port = start_ready(
        lambda fd: server.start_module(
            program, "receive", address, str(fd), str(seconds), pass_fds=[fd]
        ),
        timeout=10.0,
    )
    words = ["--connections", str(case.connections), "--seed", str(_SEED)]
    words += ["--low", str(case.low), "--high", str(case.high)]
    words += [] if case.pace is None else ["--pace", str(case.pace)]
    arguments = ["send", address, port.decode().strip(), *words]
    with receiver, client.start_module(program, *arguments) as sender:
        yield receiver
        if sender.wait() != 0:
            raise sender.failure("failed")


def finish(receiver: Process, seconds: float) -> dict[str, float]:
    """Wait until the receiver ends; return its count of "octets" and their time in "seconds"."""
    if receiver.wait(seconds + _EXTRA_S) != 0:
        raise receiver.failure("failed")
    counted: dict[str, float] = json.loads(receiver.stdout())
    return counted


def _rss_mb(pids: tuple[int, ...]) -> float:
    return max((resident_octets(pid) for pid in pids), default=0) / 1e6
