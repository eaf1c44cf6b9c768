"""The results of a run: figures by test, contender and round, as JSON and back."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.measures.metric import Values
from bench.rig import Rig

FORMAT = 1
_DIGITS = 5


@dataclass(slots=True)
class Cell:
    """One test.

    Attributes:
        kind: "tcp", "udp" or "rtt".
        case: what was sent, in words.
        rig: over what.
        figures: by contender, then by Metric.key: one figure a round, None where there is none.
    """

    kind: str
    case: str
    rig: Rig
    figures: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)

    def add(self, contender: str, round_: int, values: Values) -> None:
        """Enter what *contender* reached in a round, counted from 0; rounds come in order."""
        series = self.figures.setdefault(contender, {})
        for key, value in values.items():
            one = series.setdefault(key, [])
            one.extend([None] * (round_ - len(one)))
            one.append(float(f"{value:.{_DIGITS}g}"))

    def series(self, contender: str, key: str) -> list[float | None]:
        """Return one figure of a contender, round by round; empty when it did not take part."""
        return self.figures.get(contender, {}).get(key, [])


@dataclass(slots=True)
class Curve:
    """A cost against a size.

    Attributes:
        title: what grows: "MACs in the FDB", ...
        points: size, and for each cost by name the figure of each round.
        unit: of the costs.
    """

    title: str
    unit: str
    points: list[tuple[int, dict[str, list[float | None]]]] = field(default_factory=list)


@dataclass(slots=True)
class Results:
    """All of a run.

    Attributes:
        machine: date, machine and versions, in words.
        options: how it was measured.
        contenders: what each is, in a line.
        left_out: why somebody did not take part, by name.
        cells: the tests.
        curves: the scaling part.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    contenders: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def find(self, kind: str, case: str, rig: Rig) -> Cell | None:
        """Return the cell of one test."""
        wanted = (kind, case, rig)
        found = (cell for cell in self.cells if (cell.kind, cell.case, cell.rig) == wanted)
        return next(found, None)


def dump(results: Results) -> str:
    """Return the results as JSON, a line for each test and each curve."""
    tree: dict[str, Any] = {"format": FORMAT, **asdict(results)}
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_lines(tree[key])}" for key in tree) + "\n}\n"


def load(text: str) -> Results:
    """Read what dump() wrote.

    Raises:
        ValueError: it is not that.
    """
    tree = json.loads(text)
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise ValueError(f"no results of format {FORMAT}")
    cells = [Cell(**one | {"rig": Rig(**one["rig"])}) for one in tree.pop("cells")]
    curves = [
        Curve(one["title"], one["unit"], [(size, costs) for size, costs in one["points"]])
        for one in tree.pop("curves")
    ]
    return Results(**tree, cells=cells, curves=curves)


def keep(results: Results, folder: Path) -> Path:
    """Write the results into *folder* as results.json; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    path.write_text(dump(results))
    return path


def _lines(value: object) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]"
