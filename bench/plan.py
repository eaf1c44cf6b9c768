"""Lists of tests: each is a case on a rig, with the contenders that take part. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.contenders import Contender
from bench.measures import Case, Rtt, Tcp, Udp
from bench.measures.rtt import LOADS
from bench.measures.udp import SIZES
from bench.rig import UNDERLAYS, Rig

SECONDS = {"tcp": 3, "udp": 2, "rtt": 2, "many": 4}
"""Length of a run by kind of test, without --seconds."""
ROUNDS = 3
KINDS = tuple(SECONDS)

_OVERHEAD_S = 1.2  # for building a rig, starting a contender, and stopping both


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
    """Return the whole benchmark; the main contenders take part in every test.

    The others take part in one test of each kind. UDP and round trips are measured over "wire"
    only: they use no GSO frames, so "veth" gives the same figures.
    """
    chosen = list(contenders)
    all_ = [one.name for one in chosen]
    main = [one.name for one in chosen if one.main]
    plain = [Rig(underlay) for underlay in UNDERLAYS]
    jumbo = [Rig(underlay, mtu=9000) for underlay in UNDERLAYS]
    ipv6 = [Rig("wire", inside=6), Rig("wire", family=6)]
    wire = [Rig("wire")]
    more = [Tcp(1, "reverse"), Tcp(1, "both"), Tcp(4), Tcp(16)]
    return [
        *cross([Tcp()], plain, all_),
        *cross(more, plain, main),
        *cross([Tcp()], jumbo, main),
        *cross([Tcp()], ipv6, main),
        *cross([Udp(SIZES[0])], wire, all_),
        *cross([Udp(size) for size in SIZES[1:]], wire, main),
        *cross([Rtt(load) for load in LOADS], wire, all_),
    ]


def only(tests: Iterable[Test], names: Sequence[str]) -> list[Test]:
    """Return the tests with the contenders of *names* only; tests without any are left out."""
    kept = [
        Test(test.case, test.rig, tuple(name for name in test.contenders if name in names))
        for test in tests
    ]
    return [test for test in kept if test.contenders]


def duration(tests: Iterable[Test], rounds: int, seconds: int | None) -> float:
    """Return an estimate of the length of all tests, in seconds."""
    return rounds * sum(
        len(test.contenders) * (_length(test.case, seconds) + _OVERHEAD_S) for test in tests
    )


def _length(case: Case, seconds: int | None) -> float:
    length = seconds or SECONDS[case.kind]
    return case.length(length) if isinstance(case, Rtt) else length
