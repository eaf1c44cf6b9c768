"""What the live page costs: how rounds are compared, and where the time is read."""

import os

import pytest

from bench.page import _cpu_seconds, slowdown


def test_a_page_that_costs_more_slows_by_so_many_percent() -> None:
    assert slowdown([10.0, 20.0], [11.0, 19.0]) == pytest.approx([10, -5])
    assert slowdown([None, 0.0], [1.0, 1.0]) == [None, None]


def test_the_time_of_all_threads_is_counted() -> None:
    before = _cpu_seconds(os.getpid())
    spent = os.times().user
    while os.times().user < spent + 0.05:
        pass
    assert 0.03 < _cpu_seconds(os.getpid()) - before < 5
