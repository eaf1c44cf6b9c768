"""Tables of ratios and medians for the terminal; the JSON has every round."""

from collections.abc import Iterator
from typing import Literal

from rich import box
from rich.table import Table

from bench.contenders import BEFORE, REFERENCE
from bench.figures import Summary, median, percent, ratios, summarize, with_spread
from bench.meaning import GIGABYTE, LOSS, is_lower_better, notes, title, yes_or_no
from bench.measures import COMPARED, METRICS
from bench.measures.metric import MACHINE, Metric
from bench.measures.page import CLOSED
from bench.results import Cell, Results

_TITLES = {
    "tcp": "TCP throughput",
    "udp": "UDP, as fast as it is sent",
    "ndr": "No-drop rate: the highest UDP rate with a loss of at most 0.1 % (RFC 2544)",
    "rtt": "Round trips of pings",
    "rr": "TCP requests and responses, one after the other",
    "many": "Many TCP connections, writes of random length",
    "page": "The live page",
}
_REFERENCES = {"page": (CLOSED,)}
_IPV4: Literal[4] = 4


def tables(results: Results) -> Iterator[Table]:
    """Yield a table for each kind of test with figures, and for each curve."""
    for kind in METRICS:
        if cells := results.of(kind):
            table = _table(kind, cells)
            table.caption = "\n".join([*_reading(kind, cells), *notes(results, kind)])
            yield table
    service = list(_ipv6(results))
    if service:
        yield _ipv6_table(service)
    for curve in results.curves:
        table = empty(
            curve.title, curve.sizes, *(f"{cost}, {curve.unit}" for cost in curve.points[0][1])
        )
        for size, costs in curve.points:
            table.add_row(f"{size:,}", *(with_spread(summarize(one)) for one in costs.values()))
        yield table


def _table(kind: str, cells: list[Cell]) -> Table:
    compared = COMPARED[kind]
    possible = _REFERENCES.get(kind, (REFERENCE, BEFORE))
    references = [one for one in possible if any(one in cell.figures for cell in cells)]
    references = references or [REFERENCE]
    ratio_headings = [
        f"ratio to {name}" + (f"\n{one.title}" if len(compared) > 1 else "")
        for name in references
        for one in compared
    ]
    metrics = _shown(kind, cells)
    table = empty(_TITLES[kind], "test", "", *ratio_headings, *map(heading, metrics), "n")
    for cell in cells:
        table.add_section()
        where = title(cell)
        for name in cell.figures:
            shares = [
                summarize(ratios(cell.series(name, one.key), cell.series(reference, one.key)))
                for reference in references
                for one in compared
            ]
            figures = [_figure(cell, name, one, one in compared) for one in metrics]
            amount = sum(value is not None for value in cell.series(name, compared[0].key))
            style = "bold" if name == "vtep" else ""
            row = [*map(with_spread, shares), *figures, str(amount)]
            table.add_row(where, name, *row, style=style)
            where = ""
    return table


def _shown(kind: str, cells: list[Cell]) -> list[Metric]:
    """Return the figures with a column: a loss is beside its rate, not in a column of its own."""
    beside = {LOSS.get((kind, metric.key)) for metric in METRICS[kind]}
    measured = {key for cell in cells for series in cell.figures.values() for key in series}
    return [one for one in METRICS[kind] if one.key in measured and one.key not in beside]


def _figure(cell: Cell, name: str, metric: Metric, spread: bool) -> str:
    """Return the median, with its range if wanted, and with the loss that belongs to it."""
    found = summarize(cell.series(name, metric.key))
    if found and metric.key == "sender_limited":
        return yes_or_no(found.median)
    text = with_spread(found) if spread else median(found)
    loss = summarize(cell.series(name, LOSS.get((cell.kind, metric.key), "")))
    return f"{text}, {percent(loss.median)} lost" if loss and found else text


def heading(metric: Metric) -> str:
    """Return the heading of a figure: its title, and its unit below."""
    return f"{metric.title}\n{metric.unit}"


def _reading(kind: str, cells: list[Cell]) -> Iterator[str]:
    """Yield how to read the table, and the unit of CPU time."""
    better = "lower" if is_lower_better(COMPARED[kind][0].key) else "higher"
    yield (
        f"Medians (lowest-highest) of n rounds; ratios within a round. A {better} ratio is better."
    )
    if MACHINE in _shown(kind, cells):
        yield GIGABYTE[kind]


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
    table = empty("IPv6 compared with IPv4, for each contender", "test", "", "ratio to IPv4")
    for cell, name, ratio in rows:
        table.add_row(f"{cell.kind} {title(cell)}", name, with_spread(ratio))
    return table


def empty(title: str, *columns: str) -> Table:
    """Return a table without rows; the first two columns are aligned at the left."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.caption_justify = "left"
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    return table
