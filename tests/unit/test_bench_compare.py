"""`python -m bench compare`: ratios, verdicts and differences of two results."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cli import main
from bench.compare import pairs
from bench.compare.rank_test import chance, least_chance
from bench.results import Cell, Results, keep
from bench.rig import Rig
from tests.unit.bench_results import MACHINE, made_up

FIVE = [4.0, 4.1, 4.2, 4.3, 4.4]
Rounds = Sequence[float]


def tcp(kernel: Rounds = FIVE, **contenders: Rounds) -> Results:
    """Return results of one TCP test, in Gb/s."""
    cell = Cell("tcp", "1 stream", Rig())
    for name, series in {"kernel": kernel, **contenders}.items():
        for round_, value in enumerate(series):
            cell.add(name, round_, {"gbps": value})
    return Results(dict(MACHINE), {"rounds": 5}, {}, {}, [cell])


def pings(*median_us: float) -> Results:
    """Return results of idle round trips of vtep."""
    cell = Cell("rtt", "idle, every 10 ms", Rig())
    for round_, value in enumerate(median_us):
        cell.add("vtep", round_, {"median_us": value, "lost_percent": 0.0})
    return Results(cells=[cell])


def no_drop(kpps: Rounds, *, limited: bool) -> Results:
    """Return results of a no-drop rate of vtep, which the sender has limited or not."""
    cell = Cell("ndr", "64 bytes", Rig())
    for round_, value in enumerate(kpps):
        cell.add("vtep", round_, {"kpps": value, "sender_limited": float(limited)})
    return Results(cells=[cell])


def verdicts(a: Results, b: Results, *, relative: bool = False) -> dict[str, str]:
    """Return the verdicts by contender."""
    return {one.contender: one.verdict for one in pairs(a, b, None, relative=relative)}


def times(factor: float, series: Rounds = FIVE) -> list[float]:
    """Return all figures multiplied."""
    return [factor * value for value in series]


def test_more_throughput_is_better_and_a_longer_round_trip_is_worse() -> None:
    a, b = tcp(vtep=FIVE), tcp(vtep=times(1.2))
    assert verdicts(a, b) == {"kernel": "no difference seen", "vtep": "better"}
    assert verdicts(b, a)["vtep"] == "worse"
    assert verdicts(pings(*FIVE), pings(*times(1.2))) == {"vtep": "worse"}
    assert verdicts(pings(*times(1.2)), pings(*FIVE)) == {"vtep": "better"}


def test_noise_is_no_difference() -> None:
    noisy = tcp(vtep=[3.9, 4.05, 4.25, 4.35, 4.6])
    assert verdicts(tcp(vtep=FIVE), noisy)["vtep"] == "no difference seen"


def test_equal_medians_are_no_difference_whatever_the_ranks() -> None:
    low, high = [1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0, 5.0, 5.0, 5.0]
    assert chance(low, high) < 0.05
    assert verdicts(tcp(vtep=low), tcp(vtep=high))["vtep"] == "no difference seen"
    assert verdicts(pings(*low), pings(*high)) == {"vtep": "no difference seen"}


@pytest.mark.parametrize(
    ("limited", "factor", "verdict"),
    [
        ((False, False), 0.5, "worse"),
        ((True, True), 0.5, "limited by sender"),
        ((True, True), 2.0, "limited by sender"),
        ((True, False), 0.5, "worse"),
        ((True, False), 2.0, "limited by sender"),
        ((False, True), 0.5, "limited by sender"),
        ((False, True), 2.0, "better"),
        ((False, True), 1.0, "limited by sender"),
    ],
)
def test_a_rate_that_the_sender_limits_gets_a_verdict_only_if_it_proves_one(
    limited: tuple[bool, bool], factor: float, verdict: str, tmp_path: Path
) -> None:
    a, b = no_drop(FIVE, limited=limited[0]), no_drop(times(factor), limited=limited[1])
    assert verdicts(a, b) == {"vtep": verdict}
    code = main(["compare", *files(tmp_path, a, b), "--fail-below", "0.9"])
    assert code == (verdict == "worse")


def test_a_limited_kernel_makes_a_ratio_an_upper_bound() -> None:
    def measured(factor: float, *, limited: bool) -> Results:
        results = no_drop(times(factor), limited=False)
        for round_, value in enumerate(FIVE):
            values = {"kpps": value, "sender_limited": float(limited)}
            results.cells[0].add("kernel", round_, values)
        return results

    a, b = measured(1.0, limited=True), measured(0.5, limited=False)
    assert verdicts(a, b)["vtep"] == "worse"
    assert verdicts(a, b, relative=True) == {"vtep": "limited by sender"}
    assert verdicts(b, a, relative=True) == {"vtep": "limited by sender"}
    assert verdicts(measured(0.5, limited=True), measured(1.0, limited=False), relative=True) == {
        "vtep": "better"
    }


def test_three_rounds_are_too_few_even_if_they_do_not_overlap() -> None:
    a, b = tcp(vtep=[1.0, 1.1, 1.2]), tcp(vtep=[2.0, 2.1, 2.2])
    assert verdicts(a, b)["vtep"] == "too few rounds"
    assert verdicts(a, tcp(vtep=[1.1, 1.2, 1.3]))["vtep"] == "no difference seen"


def test_the_ratio_has_the_widest_range_of_any_two_rounds() -> None:
    [_, vtep] = pairs(tcp(vtep=[1.0, 2.0, 4.0]), tcp(vtep=[4.0, 6.0, 8.0]), None, relative=False)
    assert vtep.ratio == (3.0, 1.0, 8.0)
    assert vtep.rounds == (3, 3)


def test_a_faster_machine_changes_the_figures_and_not_the_ratios_to_the_kernel() -> None:
    a, b = tcp(FIVE, vtep=times(0.5)), tcp(times(3), vtep=times(1.5))
    assert verdicts(a, b) == {"kernel": "better", "vtep": "better"}
    assert verdicts(a, b, relative=True) == {"vtep": "no difference seen"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 2 / 252),
        ([6, 7, 8], [1, 2, 3], 2 / 20),
        ([1, 2], [1, 2], 1.0),
        ([1.0], [], 1.0),
        ([1.1, 2.2, 3.3, 4.4], [2.5, 5.1, 6.2, 7.3, 8.4], 8 / 126),
    ],
)
def test_chance_is_that_of_the_exact_rank_test(
    one: list[float], other: list[float], expected: float
) -> None:
    assert chance(one, other) == pytest.approx(expected)


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
)
def test_chance_counts_all_divisions_of_the_figures(one: list[int], other: list[int]) -> None:
    together = sorted([*one, *other])
    positions: dict[int, list[int]] = {}
    for position, value in enumerate(together):
        positions.setdefault(value, []).append(position)
    rank = {value: sum(at) / len(at) for value, at in positions.items()}
    middle = len(one) * (len(together) - 1) / 2
    found = abs(sum(rank[value] for value in one) - middle)
    sums = [sum(rank[value] for value in some) for some in combinations(together, len(one))]
    expected = sum(abs(total - middle) >= found - 1e-9 for total in sums) / len(sums)
    assert chance(one, other) == pytest.approx(expected)


def test_four_rounds_can_show_a_difference_and_three_cannot() -> None:
    assert least_chance(3, 3) > 0.05 > least_chance(4, 4)


def files(tmp_path: Path, a: Results, b: Results) -> list[str]:
    """Write both results; return their paths."""
    return [str(keep(one, tmp_path / name)) for name, one in (("a", a), ("b", b))]


def test_the_command_names_differences_and_tests_in_one_file_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = made_up(("kernel", "vtep"), spread=0), made_up(("kernel", "vtep", "loop"), spread=0)
    b.machine["cpu"], b.machine["kernel"] = "Another CPU", "7.1"
    b.options["seconds"] = {"tcp": 4, "udp": 5}
    b.cells = [cell for cell in b.cells if cell.kind != "rr"]
    assert main(["compare", *files(tmp_path, a, b)]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert f"kernel: {MACHINE['kernel']} in A, 7.1 in B" in lines
    assert "seconds tcp: 10 in A, 4 in B" in lines
    assert not any(line.startswith("seconds udp") for line in lines)
    assert "warning: the processors differ" in said
    assert "only in A: rr 1 byte each way, wire 1500" in lines
    assert "only in B: tcp 1 stream, wire 1500: loop" in lines
    assert said.count("240, 40 % lost") == 2 * len(a.of("udp"))
    assert "Ratios to kernel in the same round" in said


def test_the_same_processor_gives_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files(tmp_path, tcp(), tcp())]) == 0
    assert "warning" not in capsys.readouterr().out


def test_json_has_every_pair_of_the_chosen_contenders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = files(tmp_path, tcp(vtep=FIVE), tcp(vtep=times(0.5)))
    assert main(["compare", *paths, "-j", "--contender", "vtep"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert [(one["contender"], one["relative"]) for one in tree["pairs"]] == [
        ("vtep", False),
        ("vtep", True),
    ]
    assert tree["pairs"][0]["ratio"]["median"] == 0.5
    assert tree["pairs"][0]["verdict"] == "worse"


@pytest.mark.parametrize(
    ("kernel", "vtep", "words", "code"),
    [
        (1.0, 0.8, ["--fail-below", "0.9"], 1),
        (1.0, 0.8, ["--fail-below", "0.7"], 0),
        (1.0, 1.3, ["--fail-below", "0.9"], 0),
        (0.5, 0.5, ["--fail-below", "0.9"], 1),
        (0.5, 0.5, ["--fail-below", "0.9", "--relative"], 0),
        (1.0, 0.8, [], 0),
    ],
)
def test_a_limit_fails_the_command_if_a_figure_is_worse(
    kernel: float, vtep: float, words: list[str], code: int, tmp_path: Path
) -> None:
    paths = files(tmp_path, tcp(vtep=FIVE), tcp(times(kernel), vtep=times(vtep)))
    assert main(["compare", *paths, *words]) == code


def test_a_longer_round_trip_fails_a_limit(tmp_path: Path) -> None:
    paths = files(tmp_path, pings(*FIVE), pings(*times(2)))
    assert main(["compare", *paths, "--fail-below", "0.9"]) == 1
    assert main(["compare", *reversed(paths), "--fail-below", "0.9"]) == 0


def test_all_compares_costs_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files(tmp_path, made_up(("kernel",)), made_up(("kernel",)))
    for words, expected in (([], False), (["--all"], True)):
        assert main(["compare", *paths, "-j", *words]) == 0
        keys = {one["key"] for one in json.loads(capsys.readouterr().out)["pairs"]}
        assert ("machine_s_per_gb" in keys) is expected
        assert "trials" not in keys


def test_results_without_a_common_test_are_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files(tmp_path, tcp(), pings(1.0))]) == 0
    assert "nothing to compare" in capsys.readouterr().out


def test_a_limit_must_be_a_share(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", "a", "b", "--fail-below", "1.5"])
    assert ended.value.code == 2
    assert "'1.5'" in capsys.readouterr().err
