"""Requests and responses over one TCP connection: transactions a second and their times."""

import json
from dataclasses import dataclass
from typing import ClassVar

from bench.measures.metric import Metric, Values
from bench.rig import Joined
from bench.transactions import WARM_UP_S
from vtep.lab.ready import start_ready

RR = (
    Metric("tps", "transactions", "/s"),
    Metric("median_us", "median", "us"),
    Metric("p99_us", "p99", "us"),
)
_EXTRA_S = 20.0


@dataclass(frozen=True, slots=True)
class Rr:
    """Requests from c1, each answered by c2 before the next one is sent."""

    kind: ClassVar[str] = "rr"

    def __str__(self) -> str:
        """Return its name: "1 byte each way"."""
        return "1 byte each way"

    def length(self, seconds: float) -> float:
        """Return the length of a run with its warm-up, in seconds."""
        return seconds + WARM_UP_S

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Run bench/transactions.py at both ends."""
        program = "bench.transactions"
        responder, port = start_ready(
            lambda fd: ends.server.start_module(
                program, "respond", ends.address, str(fd), pass_fds=[fd]
            ),
            timeout=10.0,
        )
        words = ["request", ends.address, port.decode().strip(), str(seconds)]
        with responder, ends.client.start_module(program, *words) as requester:
            if requester.wait(self.length(seconds) + _EXTRA_S) != 0:
                raise requester.failure("failed")
            counted: Values = json.loads(requester.stdout())
        return counted
