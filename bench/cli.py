"""The commands of `python -m bench`."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from bench import compare, conditions, help_text, machine, options, plan, profiling, rounds, table
from bench.contenders import BEFORE, CONTENDERS, Contender, before
from bench.measures import page
from bench.profiling import PYTHONS
from bench.results import Cell, Results, keep, load
from bench.rig import UNDERLAYS, Rig
from vtep.lab import LabError

_RESULTS = Path(__file__).parent / "results"
_TABLE_WIDTH = 220  # when the output is not a terminal


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    0; 1 if a run failed, or a figure is worse than `compare --fail-below` allows; 2 if the command
    cannot run; 130 if it was interrupted.
    """
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
    from bench.scaling.run import run  # scapy takes two seconds

    def measure(results: Results, contenders: dict[str, Contender]) -> None:
        known = CONTENDERS | contenders
        tests = plan.only(plan.everything(known.values()), list(contenders))
        _run(tests, contenders, results, arguments, plan.SCALING_S)
        with rounds.progress_bar() as progress:
            results.curves = run(progress)

    return _measured(arguments, measure)


def _part(arguments: argparse.Namespace) -> int:
    tests = plan.cross(
        options.cases(arguments), options.rigs(arguments), [one.name for one in _chosen(arguments)]
    )

    def measure(results: Results, contenders: dict[str, Contender]) -> None:
        _run(plan.only(tests, list(contenders)), contenders, results, arguments)

    return _measured(arguments, measure)


def _scaling(arguments: argparse.Namespace) -> int:
    from bench.scaling.run import run  # scapy takes two seconds

    results = Results(machine=machine.describe())
    with rounds.progress_bar() as progress:
        results.curves = run(progress, most=arguments.most, most_frames=arguments.frames)
    _show(results, arguments.output)
    return 0


def _page(arguments: argparse.Namespace) -> int:
    cell = Cell("page", f"{page.OCTETS} octets, {arguments.rate} frames/s", Rig("veth"))
    results = Results(machine.describe(), contenders=dict(page.STATES), cells=[cell])
    results.options = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    cell.figures = {state: {} for state in page.STATES}
    try:
        for round_, state, values in page.run(arguments.rounds, arguments.seconds, arguments.rate):
            cell.add(state, round_, values)
    finally:
        if any(cell.figures.values()):
            _show(results, arguments.output)
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    _draw(load(arguments.results.read_text()), arguments.output or arguments.results.parent)
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    a, b = (load(path.read_text()) for path in arguments.results)
    names, every = arguments.contender, arguments.all
    kinds = (True,) if arguments.relative else (False, True)
    found = [
        pair
        for relative in kinds
        for pair in compare.pairs(a, b, names, relative=relative, every=every)
    ]
    if arguments.json:
        print(compare.as_json((a, b), found, names))
    else:
        compare.print_text(_console(), (a, b), found, names)
    limit = arguments.fail_below
    judged = [pair for pair in found if pair.relative is arguments.relative]
    return int(limit is not None and any(pair.falls_below(limit) for pair in judged))


def _profile(arguments: argparse.Namespace) -> int:
    contender = CONTENDERS[arguments.contender]
    if not _present([contender], Results()):
        return 2
    rig = Rig(arguments.underlay)
    profiling.run(rig, contender, arguments.seconds, _console(), arguments.output)
    return 0


def _measured(
    arguments: argparse.Namespace, measure: Callable[[Results, dict[str, Contender]], None]
) -> int:
    """Measure the contenders that can run; show and write all figures, even after an error."""
    results = Results()
    contenders = _present(_chosen(arguments), results)
    if not contenders:
        return 2
    packages = [one.package for one in contenders.values() if one.package]
    results.machine = machine.describe(packages) | conditions.describe()
    results.options = {"rounds": arguments.rounds, "seconds": arguments.seconds or plan.SECONDS}
    results.contenders = {name: one.what for name, one in contenders.items()}
    before = conditions.processor_times()
    try:
        measure(results, contenders)
    finally:
        after = conditions.processor_times()
        results.machine["stolen_percent"] = conditions.stolen_percent(before, after)
        if any(cell.figures for cell in results.cells):
            _show(results, arguments.output)
    return 1 if results.failed else 0


def _chosen(arguments: argparse.Namespace) -> list[Contender]:
    """Return the selected contenders in order; --before adds its own if it is not among them."""
    known = dict(CONTENDERS)
    names = list(arguments.contender or known)
    if arguments.before is not None:
        known[BEFORE] = before(arguments.before)
        names += [] if BEFORE in names else [BEFORE]
    elif BEFORE in names:
        raise ValueError(f"--contender {BEFORE}: its directory is missing; add --before DIRECTORY")
    return [known[name] for name in names]


def _present(contenders: Sequence[Contender], results: Results) -> dict[str, Contender]:
    """Return the contenders that can run; print the reason for each of the others."""
    found = {}
    for one in contenders:
        reason = one.missing()
        if reason is None:
            found[one.name] = one
        else:
            results.left_out[one.name] = reason
            print(f"left out: {one.name}: {reason}")
    return found


def _run(
    tests: list[plan.Test],
    contenders: dict[str, Contender],
    results: Results,
    arguments: argparse.Namespace,
    more_seconds: float = 0,
) -> None:
    amount, seconds = arguments.rounds, arguments.seconds
    print(plan.announcement(tests, amount, seconds, more_seconds), flush=True)
    with rounds.progress_bar() as progress:
        rounds.run(tests, contenders, results, progress, rounds=amount, seconds=seconds)


def _show(results: Results, output: Path | None) -> None:
    folder = output or _RESULTS / time.strftime("%Y-%m-%dT%H%M%S")
    console = _console()
    for shown in table.tables(results):
        console.print(shown)
    console.print(f"written: {keep(results, folder)}", soft_wrap=True)
    _draw(results, folder)


def _draw(results: Results, folder: Path) -> None:
    from bench import plots  # matplotlib takes a second

    for path in plots.draw(results, folder):
        print(f"drawn: {path}")


def _console() -> Console:
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, width=_TABLE_WIDTH)


def _parser() -> argparse.ArgumentParser:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=help_text.DESCRIPTION,
        epilog=help_text.epilog(),
        formatter_class=as_written,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], what: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=what, formatter_class=as_written)
        made.set_defaults(run=run)
        return made

    def measuring(
        name: str, run: Callable[[argparse.Namespace], int], what: str
    ) -> argparse.ArgumentParser:
        made = command(name, run, what)
        made.add_argument(
            "--output",
            type=Path,
            metavar="DIRECTORY",
            help="write the results to DIRECTORY [bench/results/DATE]",
        )
        return made

    everything = measuring("all", _all, "run the whole benchmark")
    options.add_measuring(everything)
    everything.epilog = help_text.contenders()
    for name, what in options.MEASURES.items():
        part = measuring(name, _part, what)
        part.set_defaults(measure=[name])
        part.epilog = help_text.contenders()
        options.add_measure(part, name)
        options.add_measuring(part)
        options.add_rigs(part)
    some = measuring("run", _part, "run several measures in the same rounds")
    some.epilog = help_text.contenders()
    options.add_measures(some)
    options.add_measuring(some)
    options.add_rigs(some)
    sizes = measuring("scaling", _scaling, "measure cost and memory against the size of the tables")
    sizes.add_argument(
        "--most",
        type=options.positive,
        default=1_000_000,
        help="set the size of the largest table [1000000]",
    )
    sizes.add_argument(
        "--frames",
        type=options.positive,
        default=1_000_000,
        help="set the number of GSO frames for the memory curves [1000000, ten minutes]",
    )
    live = measuring("page", _page, "measure the daemon's CPU time with and without the live page")
    live.add_argument(
        "--rounds", type=options.positive, default=page.ROUNDS, help="set the rounds [8]"
    )
    live.add_argument(
        "--seconds", type=options.positive, default=page.SECONDS, help="set the length of a run [6]"
    )
    live.add_argument(
        "--rate", type=options.positive, default=page.RATE, help="set the frames a second [10000]"
    )
    profile = measuring("profile", _profile, "show the CPU time of the running daemons by function")
    profile.add_argument("--contender", type=options.one_of(PYTHONS), default="vtep", help="[vtep]")
    profile.add_argument(
        "--underlay", type=options.one_of(UNDERLAYS), default="wire", help="[wire]"
    )
    profile.add_argument("--seconds", type=options.positive, default=5, help="set the length [5]")
    plot = command("plot", _plot, "draw the results of an earlier run again")
    plot.add_argument("results", type=Path, metavar="RESULTS.json")
    plot.add_argument(
        "--output",
        type=Path,
        metavar="DIRECTORY",
        help="write the pictures to DIRECTORY [that of the results]",
    )
    _add_compare(command("compare", _compare, "compare two results, with a verdict for each test"))
    return parser


def _add_compare(part: argparse.ArgumentParser) -> None:
    part.description = help_text.COMPARE
    part.add_argument("results", type=Path, nargs=2, metavar="RESULTS.json")
    options.add_list(
        part,
        "--contender",
        "select the contenders",
        options.one_of([*CONTENDERS, BEFORE]),
        None,
        "NAME",
    )
    part.add_argument(
        "--relative",
        action="store_true",
        help="compare the ratios to the kernel's vxlan only, for results of different machines",
    )
    part.add_argument(
        "--all", action="store_true", help="compare every figure, CPU time and memory included"
    )
    part.add_argument(
        "--fail-below",
        type=options.share,
        metavar="RATIO",
        help="exit with 1 if a figure is worse, and below RATIO of the first results; with "
        "--relative, a ratio to the kernel's vxlan",
    )
    part.add_argument("-j", "--json", action="store_true", help="print the comparison as JSON")
