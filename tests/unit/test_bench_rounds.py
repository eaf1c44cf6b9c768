"""The order of measurements, and contenders that do not start or fail."""

from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import Progress

from bench import plan, rounds
from bench.contenders import Contender
from bench.contenders.linux import kernel
from bench.measures import Tcp
from bench.measures.metric import Values
from bench.results import Results
from bench.rig import CannotStart, Rig
from vtep.lab import LabError

Measured = list[tuple[str, str]]
"""Underlay and contender of each run, in order."""

NAMES = ("a", "b", "c")
CONTENDERS = {name: Contender(name, "", kernel) for name in NAMES}
TESTS = plan.cross([Tcp()], [Rig("veth"), Rig("wire")], NAMES)


def run(
    outcome: Callable[[str, str, int], Values], amount: int = 3
) -> tuple[Measured, Results, str]:
    """Run the tests; `outcome` gets underlay, contender and number of each run."""
    measured: Measured = []

    def measure(test: plan.Test, contender: Contender, seconds: int | None) -> Values:
        measured.append((test.rig.underlay, contender.name))
        return outcome(*measured[-1], measured.count(measured[-1]))

    results, console = Results(), Console(width=200)
    with console.capture() as said, Progress(console=console, disable=True) as progress:
        rounds.run(TESTS, CONTENDERS, results, progress, rounds=amount, seconds=1, measure=measure)
    return measured, results, said.get()


def test_contenders_take_turns_in_each_test_of_each_round() -> None:
    measured, results, _ = run(lambda *_: {"gbps": 1.0})
    first, second = "abc" * 2, "bca" * 2
    assert "".join(name for _, name in measured) == first + second + "cab" * 2
    assert [underlay for underlay, _ in measured] == (["veth"] * 3 + ["wire"] * 3) * 3
    assert [cell.series("b", "gbps") for cell in results.cells] == [[1.0] * 3] * 2


def test_a_contender_that_cannot_start_is_reported_once_and_left_out_of_that_rig() -> None:
    def outcome(underlay: str, name: str, number: int) -> Values:
        if (underlay, name) == ("veth", "b"):
            raise CannotStart("the reason")
        return {"gbps": 2.0}

    measured, results, said = run(outcome)
    assert measured.count(("veth", "b")) == 1
    assert measured.count(("wire", "b")) == measured.count(("veth", "c")) == 3
    assert results.left_out == {"b, veth 1500": "the reason"}
    assert said.count("left out: b, veth 1500: the reason") == 1


@pytest.mark.parametrize(
    "error",
    [LabError("bad\nnews"), OSError("bad news"), KeyError("bad news"), ValueError("bad news")],
)
def test_a_run_that_fails_has_no_figure_and_stops_nothing(error: Exception) -> None:
    def outcome(underlay: str, name: str, number: int) -> Values:
        if (underlay, name, number) == ("wire", "c", 2):
            raise error
        return {"gbps": float(number)}

    _, results, said = run(outcome)
    assert results.cells[1].series("c", "gbps") == [1.0, None, 3.0]
    assert results.cells[1].series("a", "gbps") == [1.0, 2.0, 3.0]
    [failed] = results.failed
    assert failed.startswith("c, tcp 1 stream, wire 1500, round 2: ")
    assert said.count(f"failed: {failed}") == 1
    assert "bad news" in said
