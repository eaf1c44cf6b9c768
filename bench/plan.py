"""Lists of tests: each is a case on a rig, with the contenders that take part. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.contenders import BEFORE, REFERENCE, Contender
from bench.measures import Case, Many, Ndr, Rr, Rtt, Tcp, Udp
from bench.measures.udp import SIZES
from bench.rig import Rig

SECONDS = {"tcp": 10, "udp": 2, "ndr": 1, "rtt": 2, "rr": 3, "many": 4}
"""Length of a run by kind of test, without --seconds; of a trial for "ndr"."""
ROUNDS = 5
SCALING_S = 150
"""Usual length of `scaling` in the whole benchmark."""

_OVERHEAD_S = 1.0  # for building a rig, starting a contender, and stopping both


@dataclass(frozen=True, slots=True)
class Test:
    """One case on one rig, with the names of its contenders."""

    case: Case
    rig: Rig
    contenders: tuple[str, ...]


def cross(cases: Iterable[Case], rigs: Sequence[Rig], names: Iterable[str]) -> list[Test]:
    """Return every case on every rig, each with all of *names*."""
    contenders = tuple(names)
    return [Test(case, rig, contenders) for case in cases for rig in rigs]


def everything(contenders: Iterable[Contender]) -> list[Test]:
    """Return the whole benchmark, about 70 minutes with the default rounds.

    All contenders take part in TCP with one stream and in idle round trips every 10 ms; most of
    those that are not VTEPs take part in nothing else. The reference and vtep take part in every
    test. UDP and round trips are measured over "wire" only: they use no GSO frames from the
    containers, so "veth" gives nearly the same figures.
    """
    names = [one.name for one in contenders]

    def chosen(*wanted: str) -> list[str]:
        return [name for name in names if name in (REFERENCE, "vtep", BEFORE, *wanted)]

    main = chosen("bare", "vtep-inject")
    several = chosen(*main, "loop", "ovs-afxdp")
    veth, wire = Rig("veth"), Rig("wire")
    larger = [Rig("wire", mtu=9000), Rig("wire", inside=6), Rig("wire", family=6)]
    return [
        *cross([Tcp()], [wire], names),
        *cross([Tcp()], [veth], main),
        *cross([Tcp(1, "both")], [wire], chosen()),
        *cross([Tcp(16)], [wire], chosen()),
        *cross([Tcp()], larger, chosen()),
        *cross([Udp(size) for size in SIZES], [wire], several),
        *cross([Ndr(size) for size in SIZES], [wire], chosen("vtep-inject", "loop")),
        *cross([Rtt("idle")], [wire], chosen("loop")),
        *cross([Rtt("often")], [wire], names),
        *cross([Rtt("gigabit"), Rtt("load")], [wire], chosen(*several, "openvpn")),
        *cross([Rr()], [wire], chosen(*main, "loop")),
        *cross([Many()], [wire], chosen()),
    ]


def only(tests: Iterable[Test], names: Sequence[str]) -> list[Test]:
    """Return the tests with the contenders of *names* only; tests without any are left out."""
    kept = [
        Test(test.case, test.rig, tuple(name for name in test.contenders if name in names))
        for test in tests
    ]
    return [test for test in kept if test.contenders]


def announcement(
    tests: Sequence[Test], rounds: int, seconds: int | None, more_seconds: float = 0
) -> str:
    """Return the number of tests and rounds, and how long they will take: "about 5 minutes"."""
    minutes = round((duration(tests, rounds, seconds) + more_seconds) / 60)
    length = f"about {_amount(minutes, 'minute')}" if minutes else "under a minute"
    return f"{_amount(len(tests), 'test')}, {_amount(rounds, 'round')}, {length}"


def duration(tests: Iterable[Test], rounds: int, seconds: int | None) -> float:
    """Return an estimate of the length of all tests, in seconds."""
    return rounds * sum(
        len(test.contenders) * (test.case.length(seconds or SECONDS[test.case.kind]) + _OVERHEAD_S)
        for test in tests
    )


def _amount(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
