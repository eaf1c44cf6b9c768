"""Resident memory of a process while flows and the lengths of GSO frames change all the time."""

import pytest

from bench.scaling.flows import resident

WARM, END = 6000, 16_000
"""GSO frames after which the caches are full, and at the end."""
LIMIT_MB, GROWTH_MB = 90, 4


@pytest.mark.parametrize("flows", [None, 200], ids=["new-flows", "200-flows"])
@pytest.mark.parametrize("direction", ["encapsulate", "decapsulate"])
def test_memory_is_flat_once_the_caches_are_full(direction: str, flows: int | None) -> None:
    warm, end = resident(direction, [WARM, END], flows)
    assert end < LIMIT_MB
    assert end - warm < GROWTH_MB
