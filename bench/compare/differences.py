"""Differences of two results: machines, versions, options, and tests in one of them only."""

from collections.abc import Collection, Iterator
from typing import Any

from bench.results import Results

_ALWAYS = ("date", "commit")  # in the first lines
_PROCESSOR = ("cpu", "cores")


def differences(a: Results, b: Results) -> dict[str, tuple[Any, Any]]:
    """Return what differs by name, with both values: "kernel", "packages fastd", "rounds"."""
    one, two = _facts(a), _facts(b)
    names = list(dict.fromkeys([*one, *two]))
    return {
        name: (one.get(name), two.get(name)) for name in names if one.get(name) != two.get(name)
    }


def other_processor(a: Results, b: Results) -> bool:
    """Return whether the results are of different processors."""
    return any(name in differences(a, b) for name in _PROCESSOR)


def missing(a: Results, b: Results, names: Collection[str] | None) -> Iterator[str]:
    """Yield the tests of *a*, and the contenders in them, that *b* does not have."""
    for cell in a.cells:
        chosen = [name for name in cell.figures if names is None or name in names]
        other = b.find(cell.kind, cell.case, cell.rig)
        test = f"{cell.kind} {cell.case}, {cell.rig}"
        if chosen and (other is None or not other.figures):
            yield test
        elif other is not None:
            yield from (f"{test}: {name}" for name in chosen if name not in other.figures)


def _facts(results: Results) -> dict[str, Any]:
    """Return machine, versions and options without their levels: {"seconds tcp": 10}."""
    found: dict[str, Any] = {}
    for name, value in [*results.machine.items(), *results.options.items()]:
        if isinstance(value, dict):
            found |= {f"{name} {key}": one for key, one in value.items()}
        elif name not in _ALWAYS:
            found[name] = value
    return found
