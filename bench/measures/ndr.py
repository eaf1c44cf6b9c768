"""No-drop rate of UDP: the highest rate that the tunnel forwards without loss.

RFC 2544 section 26.1 calls it throughput: the fastest rate at which a device forwards as many
frames as it is sent, found by trials at different rates. Frames are sent by c1 and counted where
the tunnel delivers them, at the stack of c2. Loss in the socket of the receiving program is a limit
of the tester and does not count. Differences from the RFC:

- A trial with at most LOSS_PERCENT lost passes, because a host that shares its processors with the
  tester has no rate that never loses a datagram.
- A trial that fails is repeated once, because other load on the machine fails trials, too. A
  trial that passes is not repeated.
- Trials last seconds, not 60.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from bench.measures.metric import Metric, Values
from bench.measures.udp import SIZES, lost_percent, send
from bench.rig import Joined
from vtep.lab import LabError

NDR = (
    Metric("kpps", "no-drop rate", "kpps"),
    Metric("mbps", "inner frames", "Mb/s"),
    Metric("lost_percent", "lost", "%"),
    Metric("trials", "trials", ""),
    Metric("sender_limited", "limited by sender", ""),
)
LOSS_PERCENT = 0.1
MOST_TRIALS = 16
"""Trials of a search, repeated ones included."""
USUAL_TRIALS = 9
"""Trials of a typical search, for estimates of its length."""
TRIAL_OVERHEAD_S = 0.25
"""Time to start and to stop both ends of iperf3."""

_PRECISION = 0.05
"""The search ends when the lowest failing rate exceeds the highest passing rate by this share."""
_KEPT_UP = 0.98
"""Share of the requested rate that the sender must reach."""
_PACING = ("--pacing-timer", "200")
"""Microseconds between the bursts of iperf3; by default a burst is the datagrams of 1 ms."""
_HEADERS = {4: 14 + 20 + 8, 6: 14 + 40 + 8}
"""Octets of Ethernet, IP and UDP headers, by IP version."""


class Trial(NamedTuple):
    """Datagrams a second that were really sent, and the loss in percent."""

    rate: float
    lost: float

    @property
    def passed(self) -> bool:
        """Tell whether the loss is within the limit."""
        return self.lost <= LOSS_PERCENT


class Found(NamedTuple):
    """The best trial that passed, the number of trials, and whether the sender was the limit."""

    best: Trial
    trials: int
    sender_limited: bool


@dataclass(frozen=True, slots=True)
class Ndr:
    """Datagrams with *size* octets of data from c1 to c2, at the rates of a binary search."""

    kind: ClassVar[str] = "ndr"
    size: int = SIZES[0]

    def __str__(self) -> str:
        """Return its name: "64 bytes"."""
        return f"{self.size} bytes"

    def length(self, seconds: float) -> float:
        """Return the usual length of a search with trials of *seconds*."""
        return USUAL_TRIALS * (seconds + TRIAL_OVERHEAD_S)

    def measure(self, ends: Joined, seconds: int) -> Values:
        """Search with trials of *seconds*."""

        def trial(rate: float | None) -> tuple[Trial, float]:
            sent = send(ends, self.size, rate, seconds, *_PACING)
            lost = lost_percent(sent.offered, sent.arrived)
            return Trial(sent.offered / sent.seconds, lost), sent.arrived / sent.seconds

        found = search(trial)
        octets = _HEADERS[6 if ":" in ends.address else 4] + self.size
        return {
            "kpps": found.best.rate / 1e3,
            "mbps": found.best.rate * octets * 8 / 1e6,
            "lost_percent": found.best.lost,
            "trials": found.trials,
            "sender_limited": float(found.sender_limited),
        }


def search(trial: Callable[[float | None], tuple[Trial, float]]) -> Found:
    """Return the highest rate that passes.

    The first trial has no limit. It gives the upper bound, and the rate that arrived in it is the
    first guess; then each trial halves the interval between the bounds.

    Args:
        trial: sends at a rate in datagrams a second, None for no limit. It returns the trial and
            the rate of the datagrams that arrived.

    Raises:
        LabError: no rate passed.
    """
    first, arrived = trial(None)
    if first.passed:
        return Found(first, 1, sender_limited=True)
    trials, best, high, sender_limited = 1, Trial(0.0, 0.0), first.rate, False
    rate = max(arrived, high / 16)
    while trials < MOST_TRIALS and high > best.rate * (1 + _PRECISION):
        done, _ = trial(rate)
        trials += 1
        if not done.passed and trials < MOST_TRIALS:
            done, _ = trial(rate)
            trials += 1
        if not done.passed:
            high, sender_limited = min(rate, done.rate), False
        else:
            best = max(best, done)
            if done.rate < rate * _KEPT_UP:
                high, sender_limited = rate, True
        rate = (best.rate + high) / 2
    if not best.rate:
        raise LabError(f"no rate down to {high:.0f} datagrams a second is without loss")
    return Found(best, trials, sender_limited)
