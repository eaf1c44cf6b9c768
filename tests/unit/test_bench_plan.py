"""Lists of tests, and the command line of the benchmark."""

from collections.abc import Sequence

import pytest

from bench import plan
from bench.cli import main
from bench.contenders import CONTENDERS, REFERENCE, Contender
from bench.contenders.linux import kernel
from bench.measures import Many, Ndr, Rr, Rtt, Tcp, Udp
from bench.rig import Rig, in_a_line


def names(tests: Sequence[plan.Test]) -> set[str]:
    return {name for test in tests for name in test.contenders}


def test_everything_has_every_contender_and_the_reference_in_each_test() -> None:
    tests = plan.everything(CONTENDERS.values())
    assert names(tests) == set(CONTENDERS)
    assert all(REFERENCE in test.contenders and "vtep" in test.contenders for test in tests)
    assert len({(test.case, test.rig) for test in tests}) == len(tests)


def test_the_others_take_part_in_throughput_and_idle_round_trips() -> None:
    tests = [t for t in plan.everything(CONTENDERS.values()) if "socat" in t.contenders]
    assert {(t.case, t.rig) for t in tests} == {
        (Tcp(), Rig("wire")),
        (Rtt("often"), Rig("wire")),
    }


def test_only_keeps_the_named_and_drops_tests_without_any() -> None:
    tests = plan.only(plan.everything(CONTENDERS.values()), ["tinc"])
    assert names(tests) == {"tinc"}
    assert len(tests) == 2


def test_the_whole_takes_about_as_long_as_it_should() -> None:
    seconds = plan.duration(plan.everything(CONTENDERS.values()), plan.ROUNDS, None)
    assert 50 < (seconds + plan.SCALING_S) / 60 < 70


def test_the_length_is_announced_in_words() -> None:
    test = plan.Test(Tcp(), Rig(), ("kernel", "vtep"))
    assert plan.announcement([test], 1, 1) == "1 test, 1 round, under a minute"
    assert plan.announcement([test], 2, 10) == "1 test, 2 rounds, about 1 minute"
    assert plan.announcement([test, test], 1, 10, 90) == "2 tests, 1 round, about 2 minutes"


def test_duration_counts_rounds_contenders_and_seconds() -> None:
    test = plan.Test(Tcp(), Rig(), ("kernel", "vtep"))
    assert plan.duration([test], 3, 4) == 3 * 2 * (4 + 1 + 1.0)  # with the warm-up


def test_tests_and_rigs_have_short_names() -> None:
    assert [str(case) for case in (Tcp(), Tcp(4, "reverse"), Tcp(1, "both"))] == [
        "1 stream",
        "4 streams, reverse",
        "1 stream, both ways",
    ]
    assert str(Rig("veth", 9000, inside=6, family=6)) == "veth 9000, IPv6 inside and under"
    assert str(Rig("wire", family=6)) == "wire 1500, IPv6 under"


def test_cases_have_the_names_by_which_results_are_found() -> None:
    names = [str(case) for case in (Udp(64), Ndr(1400), Rr(), Rtt("gigabit"), Rtt("load"), Many())]
    assert names == [
        "64 bytes",
        "1400 bytes",
        "1 byte each way",
        "beside 1 Gb/s, every 10 ms",
        "saturated, every 10 ms",
        "200 connections, 1-65000",
    ]


def test_a_missing_program_or_option_is_reported() -> None:
    contender = Contender("x", "", kernel, programs=("no-such-program",))
    assert contender.missing() == "the program no-such-program is not installed"
    for option in (("--no-such-flag", "fast"), ("--log-format", "xml")):
        reason = Contender("x", "", kernel, option=option).missing() or ""
        assert option[0] in reason
        assert not reason.startswith("vtep: error: ")
    assert Contender("x", "", kernel, option=("--log-format", "json")).missing() is None


def test_a_long_error_becomes_a_line_with_both_its_ends() -> None:
    assert in_a_line(ValueError("a\n  b")) == "a b"
    said = in_a_line(ValueError("start " + "x" * 1000 + "\nend"))
    assert said.startswith("start xxx")
    assert said.endswith("xxx end")
    assert len(said) < 300


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tcp", "--contender", "kernel,nobody"], ["--contender", "'nobody'", "bare, kernel"]),
        (["tcp", "--rounds", "0"], ["--rounds", "'0'"]),
        (["rtt", "--load", "heavy"], ["--load", "'heavy'", "idle, often, gigabit, load"]),
        (["tcp", "--family", "5"], ["--family", "'5'"]),
        (["many", "--writes", "900-100"], ["--writes", "'900-100'"]),
        (["run", "--measure", "tcp,ftp"], ["--measure", "'ftp'", "tcp, udp, ndr, rtt, rr, many"]),
        ([], ["COMMAND"]),
    ],
)
def test_an_error_of_usage_names_the_option_and_the_value(
    words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert [part for part in expected if part not in last_line] == []


@pytest.mark.parametrize("words", [["--contender", "before"], ["--before", "/no/such/tree"]])
def test_another_checkout_is_needed_to_measure_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words]) == 2
    assert "--before" in capsys.readouterr().err


def test_round_trips_last_until_there_are_enough_samples() -> None:
    assert [Rtt(load).length(3) for load in ("idle", "often", "load")] == [
        40.0,
        pytest.approx(300 * 0.017),  # ping waits a little longer than 10 ms
        pytest.approx(300 * 0.017),
    ]
    assert Rtt("gigabit").length(1) == pytest.approx(200 * 0.017)
    assert plan.duration([plan.Test(Rtt("idle"), Rig(), ("vtep",))], 2, 3) == 2 * (40 + 1.0)


def test_missing_results_to_plot_are_a_one_line_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "/no/such/file.json"]) == 2
    assert capsys.readouterr().err.startswith("bench: error: ")
