"""Options of the command line: those of each measure, and the cases that they stand for."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench import plan
from bench.contenders import BEFORE, CONTENDERS
from bench.measures import Case, Many, Rtt, Tcp, Udp
from bench.measures.many import CONNECTIONS, WRITES
from bench.measures.rtt import LOADS
from bench.measures.tcp import DIRECTIONS
from bench.measures.udp import SIZES
from bench.rig import UNDERLAYS, Rig

T = TypeVar("T")
Parser = argparse.ArgumentParser

MEASURES = {
    "tcp": "TCP throughput",
    "udp": "UDP, as fast as it is sent",
    "rtt": "round trips, idle and under load",
    "many": "many TCP connections with writes of random length, and memory",
}


def add_measure(part: Parser, measure: str) -> None:
    """Add the options of one measure, with the defaults of its own command."""
    _ADD[measure](part)


def add_measures(part: Parser) -> None:
    """Add the options of all measures, with shorter defaults, and the choice of measures."""
    add_list(part, "--measure", one_of(MEASURES), list(MEASURES), "|".join(MEASURES))
    _add_tcp(part, streams=[1, 16])
    _add_udp(part, sizes=[64, 1400])
    _add_rtt(part, loads=["idle", "often"])
    _add_many(part)


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Return the cases of all measures in `arguments.measure`."""
    return [case for measure in arguments.measure for case in _CASES[measure](arguments)]


def add_measuring(part: Parser) -> None:
    """Add the contenders and the amount."""
    add_list(part, "--contender", one_of([*CONTENDERS, BEFORE]), None, "NAME")
    part.add_argument(
        "--before", type=Path, metavar="DIRECTORY", help=f"add another checkout of vtep, {BEFORE!r}"
    )
    part.add_argument("--rounds", type=positive, default=plan.ROUNDS, help=f"[{plan.ROUNDS}]")
    part.add_argument("--seconds", type=positive, help="length of each run [by kind]")


def add_rigs(part: Parser) -> None:
    """Add what lies between the containers."""
    add_list(part, "--underlay", one_of(UNDERLAYS), list(UNDERLAYS), "|".join(UNDERLAYS))
    add_list(part, "--mtu", positive, [1500], "OCTETS")
    add_list(part, "--family", _family, [4], "4|6")
    add_list(part, "--inside", _family, [4], "4|6")


def rigs(arguments: argparse.Namespace) -> list[Rig]:
    """Return every combination that the options of add_rigs() name."""
    return [
        Rig(underlay, mtu, family, inside)
        for underlay in arguments.underlay
        for mtu in arguments.mtu
        for family in arguments.family
        for inside in arguments.inside
    ]


def add_list(
    part: Parser, flag: str, one: Callable[[str], T], default: list[T] | None, metavar: str
) -> None:
    """Add an option that takes several values with commas between."""

    def several(text: str) -> list[T]:
        return [one(word) for word in text.split(",")]

    words = "all" if default is None else ",".join(map(str, default))
    part.add_argument(
        flag, type=several, default=default, metavar=f"{metavar}[,...]", help=f"[{words}]"
    )


def one_of(names: Iterable[str]) -> Callable[[str], Any]:
    """Return a check for one of *names*."""

    def check(text: str) -> Any:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
        return text

    return check


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


class _Writes(tuple[int, int]):
    """Shortest and longest write."""

    def __str__(self) -> str:
        return f"{self[0]}-{self[1]}"


def _writes(text: str) -> _Writes:
    low, _, high = text.partition("-")
    pair = _Writes((positive(low), positive(high or low)))
    if pair[0] > pair[1]:
        raise argparse.ArgumentTypeError(f"must be LOW-HIGH, not {text!r}")
    return pair


def _family(text: str) -> int:
    if text not in ("4", "6"):
        raise argparse.ArgumentTypeError(f"must be 4 or 6, not {text!r}")
    return int(text)


def _add_tcp(part: Parser, streams: Sequence[int] = (1,)) -> None:
    add_list(part, "--streams", positive, list(streams), "NUMBER")
    add_list(part, "--direction", one_of(DIRECTIONS), ["forward"], "|".join(DIRECTIONS))


def _add_udp(part: Parser, sizes: Sequence[int] = SIZES) -> None:
    add_list(part, "--size", positive, list(sizes), "OCTETS")


def _add_rtt(part: Parser, loads: Sequence[str] = LOADS) -> None:
    add_list(part, "--load", one_of(LOADS), list(loads), "|".join(LOADS))


def _add_many(part: Parser) -> None:
    add_list(part, "--connections", positive, [CONNECTIONS], "NUMBER")
    add_list(part, "--writes", _writes, [_Writes(WRITES)], "LOW-HIGH")
    part.add_argument(
        "--pace",
        type=positive,
        metavar="WRITES",
        help="limit the writes a second of all connections together [as fast as they go]",
    )


_ADD: dict[str, Callable[[Parser], None]] = {
    "tcp": _add_tcp,
    "udp": _add_udp,
    "rtt": _add_rtt,
    "many": _add_many,
}


def _tcp_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Tcp(number, way) for way in arguments.direction for number in arguments.streams]


def _udp_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Udp(size) for size in arguments.size]


def _rtt_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Rtt(load) for load in arguments.load]


def _many_cases(arguments: argparse.Namespace) -> list[Case]:
    return [
        Many(number, low, high, arguments.pace)
        for number in arguments.connections
        for low, high in arguments.writes
    ]


_CASES: dict[str, Callable[[argparse.Namespace], list[Case]]] = {
    "tcp": _tcp_cases,
    "udp": _udp_cases,
    "rtt": _rtt_cases,
    "many": _many_cases,
}
