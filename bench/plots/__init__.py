"""The figures as plots."""

from collections.abc import Iterator
from pathlib import Path

from bench.results import Results


def draw(results: Results, folder: Path) -> Iterator[Path]:
    """Draw what the results have figures for."""
    yield from ()
