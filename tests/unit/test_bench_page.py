"""CPU time with and without the live page: where it is read, and how rounds are compared."""

import os

from rich.console import Console

from bench import table
from bench.measures.page import cpu_seconds
from bench.results import Cell, Results
from bench.rig import Rig


def test_the_time_of_all_threads_is_counted() -> None:
    before = cpu_seconds(os.getpid())
    spent = os.times().user
    while os.times().user < spent + 0.05:
        pass
    assert 0.03 < cpu_seconds(os.getpid()) - before < 5


def test_each_state_is_compared_with_the_closed_page_of_its_round() -> None:
    cell = Cell("page", "200 octets", Rig("veth"))
    for round_, (closed, opened) in enumerate([(10.0, 11.0), (20.0, 22.0)]):
        cell.add("closed", round_, {"us_per_frame": closed})
        cell.add("open", round_, {"us_per_frame": opened})
    console = Console(width=200, highlight=False)
    with console.capture() as shown:
        console.print(*table.tables(Results(cells=[cell])))
    lines = [line.split() for line in shown.get().splitlines()]
    assert ["open", "1.10", "16.5", "(11.0-22.0)"] in [line[:4] for line in lines]
    assert "ratio to closed" in shown.get()
