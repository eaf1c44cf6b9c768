"""Plots: every text is readable, and noise is stated."""

import re
from collections.abc import Iterable, Iterator
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


def written(results: Results, name: str) -> str:
    """Return all texts of one plot."""
    figure = plots.PLOTS[name](results)
    assert figure is not None
    return "\n".join(text for text, _ in texts(figure))


def incomplete() -> Results:
    """Return results in which vtep has failed in two of five rounds of one stream."""
    results = made_up(MAIN)
    for cell in results.of("tcp")[:1]:
        for series in cell.figures["vtep"].values():
            series[1] = series[3] = None
    return results


@pytest.mark.parametrize(
    "results",
    [
        made_up(),
        made_up(spread=0.9, rounds=3, seed=2),
        made_up(MAIN, rounds=1),
        made_up(("kernel", "vtep"), spread=0.5),
        made_up(("vtep",)),
        incomplete(),
    ],
    ids=["all", "noisy", "one round", "two", "without the reference", "incomplete"],
)
def test_no_text_overlaps_another_or_leaves_the_figure(results: Results) -> None:
    drawn = dict(plots.figures(results))
    assert len(drawn) >= len(plots.PLOTS) - 1
    for name, figure in drawn.items():
        placed = texts(figure)
        assert len(placed) > 10, name
        assert overlapping(placed) == [], name
        assert outside(figure, placed) == [], name


def test_every_bar_and_line_is_inside_its_panel() -> None:
    for name, figure in plots.figures(made_up(MAIN, spread=0.9, rounds=3, seed=2)):
        for ax in (one for one in figure.axes if one.get_visible()):
            for data, limits in (
                (ax.dataLim.intervalx, ax.get_xlim()),
                (ax.dataLim.intervaly, ax.get_ylim()),
            ):
                assert min(limits) <= min(data) <= max(data) <= max(limits), name


def test_the_check_finds_texts_that_overlap_or_leave_the_figure() -> None:
    figure = Figure()
    for x, text in ((0.1, "first"), (0.11, "second"), (0.99, "third")):
        figure.text(x, 0.5, text)
    placed = texts(figure)
    assert overlapping(placed) == [("first", "second")]
    assert outside(figure, placed) == ["third"]


@pytest.mark.parametrize("name", plots.PLOTS)
def test_every_plot_states_rounds_spread_machine_and_axis(name: str) -> None:
    figure = plots.PLOTS[name](made_up(MAIN))
    assert figure is not None
    said = " ".join(text for text, _ in texts(figure))
    assert re.search(r"n = (1 to )?5 rounds", said)
    assert "owest to highest" in said
    assert "Some Vendor" in said
    assert "0123abc" in said
    visible = [ax for ax in figure.axes if ax.get_visible()]
    assert all(ax.get_xlabel() for ax in visible)


def test_the_captions_give_the_length_of_a_run_of_that_kind() -> None:
    results = made_up(MAIN)
    assert "5 rounds, 10 s a run" in written(results, "tcp-ratio")
    assert "5 rounds, 5 s a run" in written(results, "udp")
    assert "5 rounds, 1 s a trial" in written(results, "ndr")
    for name in ("scaling", "rtt"):  # pings go on until there are enough
        assert "s a run" not in written(results, name)


def test_loss_is_beside_each_rate() -> None:
    said = written(made_up(("kernel",), spread=0), "udp")
    assert [text for text in ("400", "240", "168", "40 %", "58 %") if text not in said] == []
    assert "<0.1 %" in written(made_up(("kernel",), spread=0), "ndr")


def test_the_round_trip_under_load_has_its_load_and_its_ratio() -> None:
    said = written(made_up(("kernel", "vtep"), spread=0), "rtt")
    assert "saturated, every 10 ms, wire 1500" in said
    assert "ratio to\nkernel" in said
    assert "\n200\n" in said
    assert "load\nGb/s" in said
    assert "1.74" in said


def test_ranges_that_overlap_the_reference_are_marked_and_explained() -> None:
    noisy = made_up(("kernel", "vtep"), spread=0.9)
    assert written(noisy, "tcp-streams").count(OVERLAPS) > 1
    assert "not distinguishable in this run" in written(noisy, "tcp-streams")
    assert OVERLAPS not in written(made_up(("kernel", "vtep"), spread=0.01), "tcp-streams")


def test_fewer_rounds_of_a_contender_are_stated() -> None:
    assert "n = 3 to 5 rounds" in written(incomplete(), "tcp-ratio")
    assert "\nn\n" in written(incomplete(), "tcp-ratio")
    assert "\nn\n" not in written(made_up(MAIN), "tcp-ratio")


def test_plots_are_written_as_png(tmp_path: Path) -> None:
    drawn = list(plots.draw(made_up(("kernel", "vtep"), rounds=2), tmp_path / "new"))
    assert [path.stem for path in drawn] == list(plots.PLOTS)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


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
