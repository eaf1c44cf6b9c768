"""The measuring itself: round by round, test by test, contender by contender.

Rounds are outermost and contenders innermost, so that those who are compared are measured seconds
apart, and whatever else the machine does falls on all. Each round begins with another contender.
Every run has a fresh rig.
"""

from collections.abc import Mapping, Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.contenders import Contender
from bench.measures import METRICS
from bench.measures.metric import Values
from bench.plan import SECONDS, Test
from bench.results import Cell, Results
from bench.rig import CannotStart, Rig, in_a_line, joined
from vtep.lab import LabError

_FAILURES = (LabError, OSError, LookupError, ArithmeticError)
"""A program that fails, a process that is gone, a report without the figure."""


def progress_bar() -> Progress:
    """Return the display that run() moves."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        transient=True,
    )


def run(
    tests: Sequence[Test],
    contenders: Mapping[str, Contender],
    results: Results,
    progress: Progress,
    *,
    rounds: int,
    seconds: int | None,
) -> None:
    """Measure, and enter into *results* what comes out, as it comes.

    A contender that cannot be started on a rig is named once, and left out of it from then on. A
    run that fails is named too, and has no figure.
    """
    results.cells.extend(Cell(test.case.kind, str(test.case), test.rig) for test in tests)
    task = progress.add_task("", total=rounds * sum(len(test.contenders) for test in tests))
    out: set[tuple[str, Rig]] = set()
    for round_ in range(rounds):
        for test, cell in zip(tests, results.cells[-len(tests) :], strict=True):
            for name in _rotated(test.contenders, round_):
                progress.update(task, description=f"{cell.kind} {cell.case}, {cell.rig}: {name}")
                if (name, test.rig) not in out:
                    try:
                        values = _measure(test, contenders[name], seconds)
                    except CannotStart as error:
                        out.add((name, test.rig))
                        results.left_out[f"{name}, {test.rig}"] = str(error)
                        _say(progress, f"left out: {name}, {test.rig}: {error}")
                    except _FAILURES as error:
                        what = f"{name}, {cell.kind} {cell.case}, {cell.rig}"
                        _say(progress, f"failed: {what}: {in_a_line(error)}")
                    else:
                        cell.add(name, round_, values)
                progress.advance(task)
            if not progress.console.is_terminal:
                _say(progress, _line(cell, round_))


def _measure(test: Test, contender: Contender, seconds: int | None) -> Values:
    with joined(test.rig, contender) as ends:
        return test.case.measure(ends, seconds or SECONDS[test.case.kind])


def _say(progress: Progress, line: str) -> None:
    progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _rotated(names: Sequence[str], by: int) -> list[str]:
    by %= len(names)
    return [*names[by:], *names[:by]]


def _line(cell: Cell, round_: int) -> str:
    """Return one round of one test in a line, for a log."""
    key = METRICS[cell.kind][0].key
    got = {name: cell.series(name, key)[round_:] for name in cell.figures}
    said = ", ".join(f"{name} {values[0]:.4g}" for name, values in got.items() if values)
    return f"round {round_ + 1}: {cell.kind} {cell.case}, {cell.rig}: {said}"
