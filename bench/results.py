"""Results of a run: figures by test, contender and round; written and read as JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.measures.metric import Values
from bench.rig import Rig

FORMAT = 2
_DIGITS = 5


@dataclass(slots=True)
class Cell:
    """One test.

    Attributes:
        kind: a key of METRICS.
        case: description of the traffic.
        rig: underlay and IP versions.
        figures: by contender, then by Metric.key: one figure a round, None for a failed round.
    """

    kind: str
    case: str
    rig: Rig
    figures: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)

    def add(self, contender: str, round_: int, values: Values) -> None:
        """Add the figures of *contender* in a round; rounds are numbered from 0, ascending."""
        series = self.figures.setdefault(contender, {})
        for key, value in values.items():
            one = series.setdefault(key, [])
            one.extend([None] * (round_ - len(one)))
            one.append(float(f"{value:.{_DIGITS}g}"))

    def series(self, contender: str, key: str) -> list[float | None]:
        """Return one figure of a contender, round by round; empty if it did not take part."""
        return self.figures.get(contender, {}).get(key, [])


@dataclass(slots=True)
class Curve:
    """Costs against a size.

    Attributes:
        title: description: "MACs in the FDB, all with random traffic".
        sizes: the noun of the sizes: "MACs".
        unit: the unit of the costs.
        points: each size, with the figures of all rounds by the name of the cost.
    """

    title: str
    sizes: str
    unit: str
    points: list[tuple[int, dict[str, list[float | None]]]] = field(default_factory=list)


@dataclass(slots=True)
class Results:
    """All results of a run.

    Attributes:
        machine: date, machine and versions.
        options: number and length of the rounds.
        contenders: one-line descriptions by name.
        left_out: the reasons of contenders that did not take part, by name.
        cells: the tests.
        curves: the results of `scaling`.
        failed: the runs that failed, a line each; they have no figure.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    contenders: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def find(self, kind: str, case: str, rig: Rig) -> Cell | None:
        """Return the cell of one test, or None."""
        wanted = (kind, case, rig)
        found = (cell for cell in self.cells if (cell.kind, cell.case, cell.rig) == wanted)
        return next(found, None)

    def fail(self, cell: Cell, contender: str, round_: int, reason: str) -> str:
        """Add a failed run to *failed*, and return its line; rounds are numbered from 0."""
        self.failed.append(f"{_runs(cell, contender)}{round_ + 1}: {reason}")
        return self.failed[-1]

    def failures(self, kind: str) -> list[str]:
        """Return the failed runs of a kind."""
        return [one for one in self.failed if one.partition(", ")[2].startswith(f"{kind} ")]

    def took_part(self, cell: Cell, contender: str) -> bool:
        """Return whether a contender was to run a test, even if it never succeeded in it."""
        return (
            contender in cell.figures
            or f"{contender}, {cell.rig}" in self.left_out
            or any(one.startswith(_runs(cell, contender)) for one in self.failed)
        )

    def of(self, kind: str) -> list[Cell]:
        """Return the cells of a kind that have figures."""
        return [cell for cell in self.cells if cell.kind == kind and cell.figures]


def dump(results: Results) -> str:
    """Return the results as JSON, with one line for each test and each curve."""
    tree: dict[str, Any] = {"format": FORMAT, **asdict(results)}
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_lines(tree[key])}" for key in tree) + "\n}\n"


def load(text: str) -> Results:
    """Read the output of dump().

    Raises:
        ValueError: *text* is not such output.
    """
    tree = json.loads(text)
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise ValueError(f"results: the file is not of format {FORMAT}; measure again")
    cells = [Cell(**one | {"rig": Rig(**one["rig"])}) for one in tree.pop("cells")]
    curves = [
        Curve(
            one["title"],
            one["sizes"],
            one["unit"],
            [(size, costs) for size, costs in one["points"]],
        )
        for one in tree.pop("curves")
    ]
    return Results(**tree, cells=cells, curves=curves)


def keep(results: Results, folder: Path) -> Path:
    """Write results.json into *folder* and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    path.write_text(dump(results))
    return path


def _runs(cell: Cell, contender: str) -> str:
    """Return the beginning of the lines for failed runs of a contender in a test."""
    return f"{contender}, {cell.kind} {cell.case}, {cell.rig}, round "


def _lines(value: object) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]"
