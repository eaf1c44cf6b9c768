"""The command line: what to measure, in words.

python -m bench all
python -m bench tcp --contender kernel,vtep --rounds 5 --seconds 4 --underlay wire --mtu 9000
python -m bench udp | rtt | scaling | profile
python -m bench plot RESULT.json
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from bench import machine, plan, profiling, rounds, table
from bench.contenders import CONTENDERS, Contender
from bench.measures import Case, Rtt, Tcp, Udp
from bench.measures.rtt import LOADS
from bench.measures.tcp import DIRECTIONS
from bench.measures.udp import SIZES
from bench.profiling import PYTHONS
from bench.results import Results, keep, load
from bench.rig import UNDERLAYS, Rig
from vtep.lab import LabError

T = TypeVar("T")

_RESULTS = Path(__file__).parent / "results"
_TABLE_WIDTH = 160  # where there is no terminal to ask


def main(argv: Sequence[str]) -> int:
    """Run the command; return 0, 2 for what cannot run here, 130 when interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        done: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except (LabError, OSError, ValueError) as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 2
    return done


def _all(arguments: argparse.Namespace) -> int:
    from bench import scaling

    def measure(results: Results, contenders: dict[str, Contender]) -> None:
        tests = plan.only(plan.everything(CONTENDERS.values()), list(contenders))
        _run(tests, contenders, results, arguments)
        with rounds.progress_bar() as progress:
            results.curves = scaling.run(progress)

    return _measured(arguments, measure)


def _part(arguments: argparse.Namespace) -> int:
    rigs = [
        Rig(underlay, mtu, family, inside)
        for underlay in arguments.underlay
        for mtu in arguments.mtu
        for family in arguments.family
        for inside in arguments.inside
    ]

    def measure(results: Results, contenders: dict[str, Contender]) -> None:
        _run(
            plan.cross(arguments.cases(arguments), rigs, contenders), contenders, results, arguments
        )

    return _measured(arguments, measure)


def _scaling(arguments: argparse.Namespace) -> int:
    from bench import scaling

    results = Results(machine=machine.describe())
    with rounds.progress_bar() as progress:
        results.curves = scaling.run(progress, most=arguments.most)
    _show(results, arguments.output)
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    _draw(load(arguments.results.read_text()), arguments.output or arguments.results.parent)
    return 0


def _profile(arguments: argparse.Namespace) -> int:
    contender = _present([arguments.contender], Results()).get(arguments.contender)
    if contender is None:
        return 2
    rig = Rig(arguments.underlay)
    profiling.run(rig, contender, arguments.seconds, _console(), arguments.output)
    return 0


def _measured(
    arguments: argparse.Namespace, measure: Callable[[Results, dict[str, Contender]], None]
) -> int:
    """Measure those contenders that are here; show and keep what there is, whatever happened."""
    results = Results()
    contenders = _present(arguments.contender or list(CONTENDERS), results)
    if not contenders:
        return 2
    packages = [one.package for one in contenders.values() if one.package]
    results.machine = machine.describe(packages)
    results.options = {"rounds": arguments.rounds, "seconds": arguments.seconds or plan.SECONDS}
    results.contenders = {name: one.what for name, one in contenders.items()}
    try:
        measure(results, contenders)
    finally:
        if any(cell.figures for cell in results.cells):
            _show(results, arguments.output)
    return 0


def _present(names: Sequence[str], results: Results) -> dict[str, Contender]:
    """Return those that can take part; name the others, with the reason, in a line each."""
    found = {}
    for name in names:
        reason = CONTENDERS[name].missing()
        if reason is None:
            found[name] = CONTENDERS[name]
        else:
            results.left_out[name] = reason
            print(f"left out: {name}: {reason}")
    return found


def _run(
    tests: list[plan.Test],
    contenders: dict[str, Contender],
    results: Results,
    arguments: argparse.Namespace,
) -> None:
    amount, seconds = arguments.rounds, arguments.seconds
    minutes = plan.duration(tests, amount, seconds) / 60
    print(f"{len(tests)} tests, {amount} rounds, about {minutes:.0f} minutes", flush=True)
    with rounds.progress_bar() as progress:
        rounds.run(tests, contenders, results, progress, rounds=amount, seconds=seconds)


def _show(results: Results, output: Path | None) -> None:
    folder = output or _RESULTS / time.strftime("%Y-%m-%dT%H%M%S")
    console = _console()
    for shown in table.tables(results):
        console.print(shown)
    console.print(f"kept in {keep(results, folder)}", soft_wrap=True)
    _draw(results, folder)


def _draw(results: Results, folder: Path) -> None:
    from bench import plots  # matplotlib takes a second

    for path in plots.draw(results, folder):
        print(f"drawn: {path}")


def _console() -> Console:
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, width=_TABLE_WIDTH)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], what: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=what)
        made.set_defaults(run=run)
        made.add_argument("--output", type=Path, metavar="DIRECTORY", help="where results go")
        return made

    everything = command("all", _all, "the whole benchmark")
    _add_measuring(everything)
    tcp = command("tcp", _part, "TCP throughput")
    _add_list(tcp, "--streams", _positive, [1], "NUMBER")
    _add_list(tcp, "--direction", _one_of(DIRECTIONS), ["forward"], "|".join(DIRECTIONS))
    tcp.set_defaults(cases=_tcp_cases)
    udp = command("udp", _part, "UDP, as fast as it is sent")
    _add_list(udp, "--size", _positive, list(SIZES), "OCTETS")
    udp.set_defaults(cases=_udp_cases)
    rtt = command("rtt", _part, "round trips, idle and under load")
    _add_list(rtt, "--load", _one_of(LOADS), list(LOADS), "|".join(LOADS))
    rtt.set_defaults(cases=_rtt_cases)
    for part in (tcp, udp, rtt):
        _add_measuring(part)
        _add_list(part, "--underlay", _one_of(UNDERLAYS), list(UNDERLAYS), "|".join(UNDERLAYS))
        _add_list(part, "--mtu", _positive, [1500], "OCTETS")
        _add_list(part, "--family", _family, [4], "4|6")
        _add_list(part, "--inside", _family, [4], "4|6")
    sizes = command("scaling", _scaling, "cost of a frame against the size of the tables")
    sizes.add_argument("--most", type=_positive, default=1_000_000, help="largest table")
    profile = command("profile", _profile, "where the running daemons spend their time")
    profile.add_argument("--contender", type=_one_of(PYTHONS), default="vtep")
    profile.add_argument("--underlay", type=_one_of(UNDERLAYS), default="wire")
    profile.add_argument("--seconds", type=_positive, default=5)
    plot = command("plot", _plot, "draw the results of an earlier run")
    plot.add_argument("results", type=Path, metavar="RESULT.json")
    return parser


def _add_measuring(part: argparse.ArgumentParser) -> None:
    _add_list(part, "--contender", _one_of(CONTENDERS), None, "NAME")
    part.add_argument("--rounds", type=_positive, default=plan.ROUNDS)
    part.add_argument("--seconds", type=_positive, help="of each run")


def _add_list(
    part: argparse.ArgumentParser,
    flag: str,
    one: Callable[[str], T],
    default: list[T] | None,
    metavar: str,
) -> None:
    """Add an option that takes several values with commas between."""

    def several(text: str) -> list[T]:
        return [one(word) for word in text.split(",")]

    words = "all" if default is None else ",".join(map(str, default))
    part.add_argument(
        flag, type=several, default=default, metavar=f"{metavar}[,...]", help=f"[{words}]"
    )


def _one_of(names: Iterable[str]) -> Callable[[str], Any]:
    def check(text: str) -> Any:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
        return text

    return check


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def _family(text: str) -> int:
    if text not in ("4", "6"):
        raise argparse.ArgumentTypeError(f"must be 4 or 6, not {text!r}")
    return int(text)


def _tcp_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Tcp(number, way) for way in arguments.direction for number in arguments.streams]


def _udp_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Udp(size) for size in arguments.size]


def _rtt_cases(arguments: argparse.Namespace) -> list[Case]:
    return [Rtt(load_) for load_ in arguments.load]
