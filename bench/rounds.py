"""The loop over rounds, tests and contenders.

Rounds are the outer loop and contenders the inner loop. Contenders that are compared run seconds
apart, so other load on the machine affects all of them. Each round begins with a different
contender, and every run has a new rig.
"""

from collections.abc import Callable, Mapping, Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.contenders import Contender
from bench.measures import METRICS
from bench.measures.metric import Values
from bench.plan import SECONDS, Test
from bench.results import Cell, Results
from bench.rig import CannotStart, Rig, in_a_line, joined
from vtep.lab import LabError

_FAILURES = (LabError, OSError, LookupError, ArithmeticError, ValueError)
"""Errors of a program that fails, a process that has ended, or a report that cannot be read."""


Measure = Callable[[Test, Contender, int | None], Values]
"""Runs one test with one contender; the number is the length in seconds, None for the default."""


def measure_on_rig(test: Test, contender: Contender, seconds: int | None) -> Values:
    """Build a new rig, connect it by *contender*, and return the figures of the test.

    Raises:
        CannotStart: the contender does not start.
    """
    with joined(test.rig, contender) as ends:
        return test.case.measure(ends, seconds or SECONDS[test.case.kind])


def progress_bar() -> Progress:
    """Return the progress display for run()."""
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
    measure: Measure = measure_on_rig,
) -> None:
    """Run the tests and add each figure to *results* immediately.

    A contender that cannot start on a rig is reported once and left out of that rig from then on.
    A failed run is reported too, and has no figure; the others go on.

    Args:
        tests: the tests, in order.
        contenders: all contenders of the tests, by name.
        results: the results to add to.
        progress: the progress display.
        rounds: number of rounds.
        seconds: length of a run; None for the default of its kind.
        measure: runs one test with one contender.
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
                        values = measure(test, contenders[name], seconds)
                    except CannotStart as error:
                        out.add((name, test.rig))
                        results.left_out[f"{name}, {test.rig}"] = str(error)
                        _print(progress, f"left out: {name}, {test.rig}: {error}")
                    except _FAILURES as error:
                        line = results.fail(cell, name, round_, in_a_line(error))
                        _print(progress, f"failed: {line}")
                    else:
                        cell.add(name, round_, values)
                progress.advance(task)
            if not progress.console.is_terminal:
                _print(progress, _line(cell, round_))


def _print(progress: Progress, line: str) -> None:
    progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _rotated(names: Sequence[str], by: int) -> list[str]:
    by %= len(names)
    return [*names[by:], *names[:by]]


def _line(cell: Cell, round_: int) -> str:
    """Return one round of one test as one line."""
    key = METRICS[cell.kind][0].key
    found = {name: cell.series(name, key)[round_:] for name in cell.figures}
    figures = ", ".join(f"{name} {values[0]:.4g}" for name, values in found.items() if values)
    return f"round {round_ + 1}: {cell.kind} {cell.case}, {cell.rig}: {figures}"
