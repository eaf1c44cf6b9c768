"""The search for the no-drop rate, with tunnels of known capacity."""

from collections.abc import Callable

import pytest

from bench.measures.ndr import MOST_TRIALS, Found, Trial, search
from vtep.lab import LabError

SENDER = 400_000.0
"""Datagrams a second that the sender reaches without a limit."""


def tunnel(
    capacity: float, sender: float = SENDER, *, disturbed: Callable[[int], bool] = lambda _: False
) -> tuple[Callable[[float | None], tuple[Trial, float]], list[float]]:
    """Return a trial that loses what exceeds *capacity*, and the rates it was called with.

    A trial whose number is *disturbed* loses half.
    """
    rates: list[float] = []

    def trial(rate: float | None) -> tuple[Trial, float]:
        rates.append(rate or 0.0)
        sent = min(rate or sender, sender)
        arrived = sent / 2 if disturbed(len(rates)) else min(sent, capacity)
        return Trial(sent, 100 * (1 - arrived / sent)), arrived

    return trial, rates


@pytest.mark.parametrize("capacity", [30_000.0, 100_000.0, 150_500.0, 399_000.0])
def test_the_rate_found_is_close_below_the_capacity(capacity: float) -> None:
    trial, rates = tunnel(capacity)
    found = search(trial)
    assert 0.94 * capacity < found.best.rate <= capacity * 1.001
    assert found.best.lost <= 0.1
    assert found.trials == len(rates) <= MOST_TRIALS
    assert not found.sender_limited


def test_a_tunnel_that_loses_nothing_is_limited_by_the_sender() -> None:
    trial, _ = tunnel(2 * SENDER)
    assert search(trial) == Found(Trial(SENDER, 0.0), 1, True)


def test_a_rate_that_the_sender_did_not_reach_proves_only_what_was_sent() -> None:
    def trial(rate: float | None) -> tuple[Trial, float]:
        if rate is None:
            return Trial(300_000.0, 20.0), 240_000.0
        return Trial(min(rate, 200_000.0), 0.0), min(rate, 200_000.0)

    found = search(trial)
    assert found.best.rate == 200_000.0
    assert found.sender_limited


def test_one_failure_by_other_load_does_not_lower_the_rate() -> None:
    trial, _ = tunnel(100_000.0, disturbed=lambda number: number == 2)
    assert search(trial).best.rate == pytest.approx(100_000.0)
    trial, _ = tunnel(100_000.0, disturbed=lambda number: number in (2, 3))
    assert search(trial).best.rate < 99_000.0  # it failed twice at the same rate


def test_a_tunnel_that_always_loses_has_no_rate_and_the_search_ends() -> None:
    trial, rates = tunnel(100_000.0, disturbed=lambda _: True)
    with pytest.raises(LabError, match="without loss"):
        search(trial)
    assert len(rates) == MOST_TRIALS
