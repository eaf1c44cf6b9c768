"""Plots: every text is readable, and noise is stated."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench import plots
from bench.figures import percent
from bench.plots.sheet import OVERLAPS
from bench.plots.style import OTHERS, PALETTE, microseconds
from bench.results import Results
from bench.rig import Rig
from tests.unit.bench_results import MAIN, made_up

Placed = list[tuple[str, Any]]
"""Texts with their boxes."""

SLACK = 0.5
"""Pixels by which boxes of neighbouring texts may touch."""


def texts(figure: Figure) -> Placed:
    """Draw the figure; return its visible texts with their boxes in pixels."""
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    panels = [ax for ax in figure.axes if ax.get_visible()]
    axes: list[Any] = [axis for ax in panels for axis in (ax.xaxis, ax.yaxis)]
    labels = {one for axis in axes for one in _labels([*axis.majorTicks, *axis.minorTicks])}
    drawn = {one for axis in axes for one in _labels(axis._update_ticks())}
    found = [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and (text.axes in (None, *panels))
    ]
    shown = [text for text in found if text not in labels or text in drawn]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


def _labels(ticks: Iterable[Tick]) -> Iterator[Text]:
    for tick in ticks:
        yield from (tick.label1, tick.label2)


def overlapping(placed: Placed) -> list[tuple[str, str]]:
    """Return the pairs of texts whose boxes have a common area."""
    return [
        (text, other_text)
        for (text, one), (other_text, other) in combinations(placed, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > SLACK
        and min(one.y1, other.y1) - max(one.y0, other.y0) > SLACK
    ]


def outside(figure: Figure, placed: Placed) -> list[str]:
    """Return the texts that leave the figure."""
    width, height = figure.bbox.width, figure.bbox.height
    return [
        text
        for text, box in placed
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]


def drawn(results: Results, name: str) -> Figure:
    """Return one plot."""
    figure = plots.PLOTS[name](results)
    assert figure is not None, name
    return figure


def written(results: Results, name: str) -> str:
    """Return all texts of one plot."""
    return "\n".join(text for text, _ in texts(drawn(results, name)))


USUAL = made_up(MAIN, spread=0.9, seed=2)


@cache
def usual(name: str) -> Figure:
    """Return one plot of USUAL."""
    return drawn(USUAL, name)


@cache
def said(name: str) -> str:
    """Return all texts of one plot of USUAL."""
    return "\n".join(text for text, _ in texts(usual(name)))


def incomplete() -> Results:
    """Return results with failed runs of vtep, and with a search that used up its trials.

    Two of five runs of one TCP stream have failed, and all of 16 streams over wire.
    """
    results = made_up(MAIN)
    for cell in results.of("tcp")[:1]:
        for series in cell.figures["vtep"].values():
            series[1] = series[3] = None
        for round_ in (1, 3):
            results.fail(cell, "vtep", round_, "the reason")
    many_streams = results.find("tcp", "16 streams", Rig("wire"))
    assert many_streams is not None
    del many_streams.figures["vtep"]
    for round_ in range(5):
        results.fail(many_streams, "vtep", round_, "the reason")
    results.of("ndr")[1].figures["vtep"]["trials"][2] = 16.0
    return results


@pytest.mark.parametrize(
    ("results", "names"),
    [
        (made_up(spread=0.9, rounds=3, seed=2), list(plots.PLOTS)),
        (
            made_up(("vtep",)),
            ["tcp-streams", "tcp-rigs", "udp", "ndr", "rtt", "rr", "many", "cost"],
        ),
        (made_up(MAIN, rounds=1), ["tcp-streams", "rtt"]),
        (incomplete(), ["tcp-ratio", "tcp-streams", "ndr"]),
    ],
    ids=["the longest texts", "the smallest sheets", "one round", "incomplete"],
)
def test_no_text_overlaps_another_or_leaves_the_figure(results: Results, names: list[str]) -> None:
    for name in names:
        figure = drawn(results, name)
        placed = texts(figure)
        assert len(placed) > 10, name
        assert overlapping(placed) == [], name
        assert outside(figure, placed) == [], name


@pytest.mark.parametrize("name", plots.PLOTS)
def test_every_bar_and_line_is_inside_its_panel(name: str) -> None:
    for ax in (one for one in usual(name).axes if one.get_visible()):
        for data, limits in (
            (ax.dataLim.intervalx, ax.get_xlim()),
            (ax.dataLim.intervaly, ax.get_ylim()),
        ):
            assert min(limits) <= min(data) <= max(data) <= max(limits)


def test_the_check_finds_texts_that_overlap_or_leave_the_figure() -> None:
    figure = Figure()
    for x, text in ((0.1, "first"), (0.11, "second"), (0.99, "third")):
        figure.text(x, 0.5, text)
    placed = texts(figure)
    assert overlapping(placed) == [("first", "second")]
    assert outside(figure, placed) == ["third"]


@pytest.mark.parametrize("name", plots.PLOTS)
def test_every_plot_states_rounds_spread_machine_and_axis(name: str) -> None:
    line = said(name).replace("\n", " ")
    assert re.search(r"n = (1 to )?5 rounds", line)
    assert "owest to highest" in line
    assert "Some Vendor" in line
    assert "0123abc" in line
    visible = [ax for ax in usual(name).axes if ax.get_visible()]
    assert all(ax.get_xlabel() for ax in visible)


def test_the_captions_give_the_length_of_a_run_of_that_kind() -> None:
    assert "5 rounds, 10 s a run" in said("tcp-ratio")
    assert "5 rounds, 5 s a run" in said("udp")
    assert "5 rounds, 1 s a trial" in said("ndr")
    for name in ("scaling", "rtt"):  # pings go on until there are enough
        assert "s a run" not in said(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("udp", ["64-byte payload, wire 1500", "the inner Ethernet frame is 42 bytes longer"]),
        ("ndr", ["1400-byte payload, wire 1500", "Ethernet frame is 42 bytes longer"]),
        ("many", ["200 connections, writes of 1 to 65,000 bytes, wire 1500"]),
        ("rtt", ["saturated, every 10 ms, wire 1500", "ping waits 10 to 17 ms"]),
        ("cost", ["GB: 10^9 bytes that iperf3 counts, the warm-up included."]),
    ],
)
def test_sizes_intervals_and_units_are_explained(name: str, words: list[str]) -> None:
    assert [one for one in words if one not in said(name)] == []


def test_loss_is_beside_each_rate() -> None:
    shown = written(made_up(("kernel",), spread=0), "udp")
    assert [text for text in ("400", "240", "168", "40 %", "58 %") if text not in shown] == []
    assert "<0.1 %" in written(made_up(("kernel",), spread=0), "ndr")


def test_the_round_trip_under_load_has_its_load_and_its_ratio() -> None:
    shown = written(made_up(("kernel", "vtep"), spread=0), "rtt")
    assert "ratio to\nkernel" in shown
    assert "\n200\n" in shown
    assert "load\nGb/s" in shown
    assert "1.74" in shown


def test_ranges_that_overlap_the_reference_are_marked_and_explained() -> None:
    assert said("tcp-streams").count(OVERLAPS) > 1
    assert "not distinguishable in this run" in said("tcp-streams")
    assert OVERLAPS not in written(made_up(("kernel", "vtep"), spread=0.01), "tcp-streams")


def test_fewer_rounds_of_a_contender_are_stated() -> None:
    shown = written(incomplete(), "tcp-ratio")
    assert "n = 3 to 5 rounds" in shown
    assert "\nn\n" in shown
    assert "\nn\n" not in said("tcp-ratio")


def test_a_contender_that_failed_in_one_test_keeps_its_row_and_failures_are_counted() -> None:
    shown = written(incomplete(), "tcp-streams")
    assert "\nvtep\n" in shown
    assert "\n-\n" in shown
    assert "all of its runs failed" in shown
    assert "7 runs of tcp failed, see results.json." in shown
    assert "\n-\n" not in said("tcp-streams")
    assert "failed" not in said("tcp-streams")


def test_a_contender_that_was_measured_in_one_test_only_is_not_among_the_streams() -> None:
    assert "OpenVPN" not in written(made_up(("kernel", "vtep", "openvpn")), "tcp-streams")


def test_a_search_that_used_up_its_trials_is_named() -> None:
    stopped = "vtep, 512-byte payload, wire 1500 (1 of 5 rounds)."
    assert stopped in written(incomplete(), "ndr").replace("\n", " ")
    assert "16 trials" not in said("ndr")


def test_plots_are_written_as_png(tmp_path: Path) -> None:
    results = made_up(("kernel", "vtep"), rounds=2)
    results.cells, results.curves = [*results.of("rr"), *results.of("many")], []
    files = list(plots.draw(results, tmp_path / "new"))
    assert [path.name for path in files] == ["rr.png", "many.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files)


def test_main_contenders_differ_in_grey_print() -> None:
    shades = sorted(_luminance(PALETTE.get(name, OTHERS)) for name in MAIN)
    assert all(high - low > 0.05 for low, high in pairwise(shades)), shades


def _luminance(colour: str) -> float:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


@pytest.mark.parametrize(
    ("value", "text"),
    [(73.6, "74 us"), (5300, "5.3 ms"), (8000, "8.0 ms"), (14_400, "14 ms"), (1.2e6, "1.2 s")],
)
def test_times_are_written_short(value: float, text: str) -> None:
    assert microseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (0.02, "<0.1 %"), (4.24, "4.2 %"), (46.3, "46 %"), (-0.1, "0 %")],
)
def test_losses_are_written_short(value: float, text: str) -> None:
    assert percent(value) == text
