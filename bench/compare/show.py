"""A comparison as tables on the terminal, or as JSON."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.compare.differences import differences, missing, other_processor
from bench.compare.pairs import BETTER, FEW, LIMIT, LIMITED, WORSE, Pair
from bench.contenders import REFERENCE
from bench.figures import Summary, percent, with_spread
from bench.results import Results
from bench.table import empty

_STYLES = {BETTER: "green", WORSE: "bold red", FEW: "yellow", LIMITED: "yellow"}
_WARNING = (
    "warning: the processors differ; compare the ratios to the kernel's vxlan, not the figures"
)


def print_text(
    console: Console,
    results: tuple[Results, Results],
    found: Sequence[Pair],
    names: Collection[str] | None,
) -> None:
    """Print the differences of the runs, the tables, and how to read them."""
    a, b = results
    for letter, one in (("A", a), ("B", b)):
        machine = {key: one.machine.get(key, "?") for key in ("date", "commit", "cpu")}
        _line(console, f"{letter}: {machine['date']}, vtep {machine['commit']}, {machine['cpu']}")
    for name, (mine, theirs) in differences(a, b).items():
        _line(console, f"{name}: {_value(mine)} in A, {_value(theirs)} in B")
    if other_processor(a, b):
        _line(console, _WARNING)
    for relative in (False, True):
        if some := [pair for pair in found if pair.relative is relative]:
            console.print(_table(some, relative))
    for letter, mine, theirs in (("A", a, b), ("B", b, a)):
        for test in missing(mine, theirs, names):
            _line(console, f"only in {letter}: {test}")
    for line in _reading(found):
        _line(console, line)


def as_json(
    results: tuple[Results, Results], found: Sequence[Pair], names: Collection[str] | None
) -> str:
    """Return the comparison as JSON."""
    a, b = results
    tree: dict[str, Any] = {
        "a": a.machine | {"options": a.options},
        "b": b.machine | {"options": b.options},
        "differences": differences(a, b),
        "pairs": [_pair(one) for one in found],
        "only_in_a": list(missing(a, b, names)),
        "only_in_b": list(missing(b, a, names)),
    }
    return json.dumps(tree, indent=1)


def _table(found: Sequence[Pair], relative: bool) -> Table:
    title = f"Ratios to {REFERENCE} in the same round" if relative else "Figures"
    table = empty(title, "test", "", "", "A", "B", "B / A", "chance", "B is")
    last = ""
    for one in found:
        if one.test != last:
            table.add_section()
        unit = "" if relative else f", {one.metric.unit}" if one.metric.unit else ""
        table.add_row(
            one.test if one.test != last else "",
            one.contender,
            f"{one.metric.title}{unit}",
            _with_loss(one.a, None if relative else one.lost[0]),
            _with_loss(one.b, None if relative else one.lost[1]),
            with_spread(one.ratio),
            f"{100 * one.chance:.1f} %",
            one.verdict,
            style=_STYLES.get(one.verdict, ""),
        )
        last = one.test
    return table


def _reading(found: Sequence[Pair]) -> list[str]:
    """Return how to read the tables."""
    if not found:
        return ["nothing to compare: the files have no test with a contender in common"]
    reported = sum(one.verdict in (BETTER, WORSE) for one in found)
    return [
        "Figures: median of the rounds (lowest-highest). B / A: ratio of the medians (lowest and "
        "highest of any two rounds).",
        "Chance: put the rounds of A and B in one order. If nothing differs, every order is "
        "equally likely; this share of them separates A and B as much (Mann-Whitney).",
        f'"better" or "worse": the chance is {100 * LIMIT:.0f} % or less. "{FEW}": A and B do not '
        "overlap, but so few rounds can do that by chance; measure at least 4.",
        f'"{LIMITED}": the sender was the limit of a rate, so the tunnel may carry more, and no '
        "difference is proven.",
        f"{reported} of {len(found)} comparisons report a difference. If nothing differs, expect "
        f"up to {LIMIT * len(found):.0f}.",
        "Two runs differ in more than the program: the machine has fast and slow hours. Repeat a "
        "run, or measure both programs in the same rounds with --before.",
    ]


def _pair(one: Pair) -> dict[str, Any]:
    return {
        "test": one.test,
        "contender": one.contender,
        "key": one.metric.key,
        "unit": "ratio" if one.relative else one.metric.unit,
        "relative": one.relative,
        "a": one.a._asdict(),
        "b": one.b._asdict(),
        "ratio": one.ratio._asdict() if one.ratio else None,
        "lost_percent": one.lost,
        "rounds": one.rounds,
        "chance": one.chance,
        "verdict": one.verdict,
    }


def _with_loss(one: Summary, lost: float | None) -> str:
    return with_spread(one) + ("" if lost is None else f", {percent(lost)} lost")


def _value(value: object) -> str:
    return "not given" if value is None else str(value)


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
