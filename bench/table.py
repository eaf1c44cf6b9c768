"""Tables of ratios and medians for the terminal; the JSON has every round."""

from collections.abc import Iterator
from typing import Literal

from rich import box
from rich.table import Table

from bench.contenders import BEFORE, REFERENCE
from bench.figures import Summary, median, ratios, summarize, with_spread
from bench.measures import COMPARED, METRICS
from bench.measures.page import CLOSED
from bench.results import Cell, Results

_TITLES = {
    "tcp": "TCP",
    "udp": "UDP, as fast as it is sent",
    "ndr": "UDP, highest rate without loss",
    "rtt": "Round trips",
    "rr": "Requests and responses over one TCP connection",
    "many": "Many TCP connections, writes of random length",
    "page": "The live page",
}
_REFERENCES = {"page": (CLOSED,)}
_IPV4: Literal[4] = 4


def tables(results: Results) -> Iterator[Table]:
    """Yield a table for each kind of test with figures, and for each curve."""
    for kind in METRICS:
        cells = [cell for cell in results.cells if cell.kind == kind and cell.figures]
        if cells:
            yield _table(kind, cells)
    service = list(_ipv6(results))
    if service:
        yield _ipv6_table(service)
    for curve in results.curves:
        table = _empty(
            curve.title, "size", *(f"{cost}, {curve.unit}" for cost in curve.points[0][1])
        )
        for size, costs in curve.points:
            table.add_row(f"{size:,}", *(with_spread(summarize(one)) for one in costs.values()))
        yield table


def _table(kind: str, cells: list[Cell]) -> Table:
    metrics, compared = METRICS[kind], COMPARED[kind]
    possible = _REFERENCES.get(kind, (REFERENCE, BEFORE))
    references = [one for one in possible if any(one in cell.figures for cell in cells)]
    references = references or [REFERENCE]
    ratio_headings = [
        f"of {name}'s\n{one.title if len(compared) > 1 else 'ratio'}"
        for name in references
        for one in compared
    ]
    headings = [f"{metric.title}\n{metric.unit}" for metric in metrics]
    table = _empty(_TITLES[kind], "test", "", *ratio_headings, *headings)
    for cell in cells:
        table.add_section()
        where = f"{cell.case}, {cell.rig}"
        for name in cell.figures:
            shares = [
                summarize(ratios(cell.series(name, one.key), cell.series(reference, one.key)))
                for reference in references
                for one in compared
            ]
            figures = [summarize(cell.series(name, one.key)) for one in metrics]
            row = [with_spread(figures[0]), *map(median, figures[1:])]
            style = "bold" if name == "vtep" else ""
            table.add_row(where, name, *map(with_spread, shares), *row, style=style)
            where = ""
    return table


def _ipv6(results: Results) -> Iterator[tuple[Cell, str, Summary]]:
    """Yield each contender's ratio to its own IPv4 figure, for each test that uses IPv6."""
    for cell in results.cells:
        if cell.rig.family == cell.rig.inside == _IPV4:
            continue
        same = type(cell.rig)(cell.rig.underlay, cell.rig.mtu)
        other = results.find(cell.kind, cell.case, same)
        key = METRICS[cell.kind][0].key
        for name in cell.figures if other else ():
            assert other is not None
            ratio = summarize(ratios(cell.series(name, key), other.series(name, key)))
            if ratio is not None:
                yield cell, name, ratio


def _ipv6_table(rows: list[tuple[Cell, str, Summary]]) -> Table:
    table = _empty("IPv6 compared with IPv4, for each contender", "test", "", "of its IPv4 figure")
    for cell, name, ratio in rows:
        table.add_row(f"{cell.kind} {cell.case}, {cell.rig}", name, with_spread(ratio))
    return table


def _empty(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    return table
