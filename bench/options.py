"""Options of the command line by measure, and the cases that they select."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench import plan
from bench.contenders import BEFORE, CONTENDERS
from bench.measures import Case, Many, Ndr, Rr, Rtt, Tcp, Udp
from bench.measures.many import CONNECTIONS, WRITES
from bench.measures.rtt import LOADS
from bench.measures.tcp import DIRECTIONS
from bench.measures.udp import SIZES
from bench.rig import UNDERLAYS, Rig

T = TypeVar("T")
Parser = argparse.ArgumentParser

MEASURES = {
    "tcp": "measure TCP throughput",
    "udp": "measure UDP without a limit on the rate",
    "ndr": "search the highest rate of UDP without loss (RFC 2544)",
    "rtt": "measure round trips, idle and under load",
    "rr": "measure requests and responses over one TCP connection",
    "many": "measure throughput and memory with many TCP connections and writes of random length",
}


def add_measure(part: Parser, measure: str) -> None:
    """Add the options of one measure to its command."""
    _ADD[measure](part)


def add_measures(part: Parser) -> None:
    """Add --measure and the options of all measures, with shorter default lists."""
    add_list(
        part,
        "--measure",
        "select the measures",
        one_of(MEASURES),
        list(MEASURES),
        "|".join(MEASURES),
    )
    _add_tcp(part, streams=[1, 16])
    _add_sizes(part, sizes=[64, 1400])
    _add_rtt(part, loads=["idle", "often"])
    _add_many(part)


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Return the cases of all measures in `arguments.measure`."""
    return [case for measure in arguments.measure for case in _CASES[measure](arguments)]


def add_measuring(part: Parser) -> None:
    """Add the options for contenders, rounds and length."""
    add_list(
        part, "--contender", "select the contenders", one_of([*CONTENDERS, BEFORE]), None, "NAME"
    )
    part.add_argument(
        "--before",
        type=Path,
        metavar="DIRECTORY",
        help=f"add another checkout of vtep as {BEFORE!r}",
    )
    part.add_argument(
        "--rounds",
        type=positive,
        default=plan.ROUNDS,
        help=f"set the number of rounds [{plan.ROUNDS}]",
    )
    lengths = ", ".join(f"{kind} {seconds}" for kind, seconds in plan.SECONDS.items())
    part.add_argument("--seconds", type=positive, help=f"set the length of a run [{lengths}]")


def add_rigs(part: Parser) -> None:
    """Add the options for underlay, MTU and IP versions."""
    add_list(
        part,
        "--underlay",
        "select the underlays",
        one_of(UNDERLAYS),
        list(UNDERLAYS),
        "|".join(UNDERLAYS),
    )
    add_list(part, "--mtu", "set the MTU of the underlay", positive, [1500], "BYTES")
    add_list(part, "--family", "set the IP version of the underlay", _family, [4], "4|6")
    add_list(part, "--inside", "set the IP version of the traffic", _family, [4], "4|6")


def rigs(arguments: argparse.Namespace) -> list[Rig]:
    """Return every combination of the options of add_rigs()."""
    return [
        Rig(underlay, mtu, family, inside)
        for underlay in arguments.underlay
        for mtu in arguments.mtu
        for family in arguments.family
        for inside in arguments.inside
    ]


def add_list(
    part: Parser,
    flag: str,
    what: str,
    one: Callable[[str], T],
    default: list[T] | None,
    metavar: str,
) -> None:
    """Add an option for a list of values, separated by commas."""

    def several(text: str) -> list[T]:
        return [one(word) for word in text.split(",")]

    words = "all" if default is None else ",".join(map(str, default))
    part.add_argument(
        flag, type=several, default=default, metavar=f"{metavar}[,...]", help=f"{what} [{words}]"
    )


def one_of(names: Iterable[str]) -> Callable[[str], Any]:
    """Return a function that accepts *names* only."""

    def check(text: str) -> Any:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(names)}")
        return text

    return check


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def share(text: str) -> float:
    """Read a number above 0 and at most 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and up to 1, not {text!r}")
    return value


class _Writes(tuple[int, int]):
    """Lengths of the shortest and the longest write."""

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
    add_list(part, "--streams", "set the number of streams", positive, list(streams), "NUMBER")
    add_list(
        part,
        "--direction",
        "select the directions",
        one_of(DIRECTIONS),
        ["forward"],
        "|".join(DIRECTIONS),
    )


def _add_sizes(part: Parser, sizes: Sequence[int] = SIZES) -> None:
    add_list(part, "--size", "set the payload of a datagram", positive, list(sizes), "BYTES")


def _add_rtt(part: Parser, loads: Sequence[str] = LOADS) -> None:
    add_list(
        part,
        "--load",
        "select idle (every 200 ms), often (every 10 ms), gigabit and load (every 10 ms beside a "
        "TCP stream of 1 Gb/s or without a limit)",
        one_of(LOADS),
        list(loads),
        "|".join(LOADS),
    )


def _add_rr(part: Parser) -> None:
    """Add nothing: it has no options of its own."""


def _add_many(part: Parser) -> None:
    add_list(
        part, "--connections", "set the number of connections", positive, [CONNECTIONS], "NUMBER"
    )
    add_list(part, "--writes", "set the length of a write", _writes, [_Writes(WRITES)], "LOW-HIGH")
    part.add_argument(
        "--pace",
        type=positive,
        metavar="WRITES",
        help="limit the writes a second of all connections together [as fast as they go]",
    )


_ADD: dict[str, Callable[[Parser], None]] = {
    "tcp": _add_tcp,
    "udp": _add_sizes,
    "ndr": _add_sizes,
    "rtt": _add_rtt,
    "rr": _add_rr,
    "many": _add_many,
}


def _tcp_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Tcp(number, way) for way in arguments.direction for number in arguments.streams]


def _udp_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Udp(size) for size in arguments.size]


def _ndr_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Ndr(size) for size in arguments.size]


def _rtt_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Rtt(load) for load in arguments.load]


def _rr_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Rr()]


def _many_cases(arguments: argparse.Namespace) -> list[Case]:
    return [
        Many(number, low, high, arguments.pace)
        for number in arguments.connections
        for low, high in arguments.writes
    ]


_CASES: dict[str, Callable[[argparse.Namespace], list[Case]]] = {
    "tcp": _tcp_cases,
    "udp": _udp_cases,
    "ndr": _ndr_cases,
    "rtt": _rtt_cases,
    "rr": _rr_cases,
    "many": _many_cases,
}
