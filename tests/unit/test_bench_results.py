"""Results: added round by round, written, read, shown and drawn."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from bench import plots, table
from bench.measures import Rtt, Tcp, Udp
from bench.results import Cell, Curve, Results, dump, keep, load
from bench.rig import Rig
from tests.unit.bench_results import made_up


def sample() -> Results:
    """Two rounds; in the second, vtep's TCP failed."""
    tcp = Cell("tcp", str(Tcp()), Rig("wire"))
    ipv6 = Cell("tcp", str(Tcp()), Rig("wire", inside=6))
    four = Cell("tcp", str(Tcp(4)), Rig("wire"))
    udp, rtt = Cell("udp", str(Udp(64)), Rig("wire")), Cell("rtt", str(Rtt("load")), Rig("wire"))
    for round_ in (0, 1):
        for name, gbps in (("kernel", 4.0), ("vtep", 2.0), ("socat", 0.5)):
            usage = {"machine_s_per_gb": 1 / gbps}
            if name != "kernel":
                usage |= {"tunnel_s_per_gb": 0.8 / gbps, "peak_mb": 50.0}
            if name != "vtep" or round_ == 0:
                tcp.add(name, round_, {"gbps": gbps + round_ / 10, **usage})
            ipv6.add(name, round_, {"gbps": 0.9 * gbps, **usage})
            four.add(name, round_, {"gbps": 2 * gbps, **usage})
            datagrams = {"received_kpps": 40.0, "arrived_kpps": 45.0, "offered_kpps": 90.0}
            udp.add(name, round_, {**datagrams, "lost_percent": 50.0, **usage})
            rtt.add(name, round_, {"median_us": 300 / gbps, "p99_us": 900.0, "lost_percent": 0.0})
    curve = Curve("MACs in the FDB", "MACs", "us a frame")
    curve.points = [(16, {"encapsulate": [4.0, 5.0]}), (65_536, {"encapsulate": [4.5, None]})]
    machine = {"date": "2026-01-02 03:04", "cpu": "Some CPU", "cores": 2, "kernel": "6.18"}
    cells = [tcp, ipv6, four, udp, rtt]
    return Results(machine, {"rounds": 2}, {"vtep": "ours"}, {"tinc": "why"}, cells, [curve])


def shown(results: Results) -> str:
    """Return all tables."""
    console = Console(width=300, highlight=False)
    with console.capture() as capture:
        for one in table.tables(results):
            console.print(one)
    return capture.get()


def test_a_round_without_a_figure_stays_empty() -> None:
    cell = Cell("tcp", "1 stream", Rig())
    cell.add("vtep", 0, {"gbps": 1.0})
    cell.add("vtep", 2, {"gbps": 3.0, "peak_mb": 7.123456789})
    assert cell.series("vtep", "gbps") == [1.0, None, 3.0]
    assert cell.series("vtep", "peak_mb") == [None, None, 7.1235]
    assert cell.series("nobody", "gbps") == []


def test_results_that_were_written_can_be_read(tmp_path: Path) -> None:
    results = sample()
    assert load(keep(results, tmp_path / "new").read_text()) == results
    assert len(dump(results).splitlines()) < 30


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 99}', "not JSON"])
def test_other_files_are_not_read_as_results(text: str) -> None:
    with pytest.raises(ValueError, match=r"format 2|Expecting"):
        load(text)


def test_a_test_is_found_by_kind_case_and_rig() -> None:
    results = sample()
    assert results.find("tcp", "1 stream", Rig("wire", inside=6)) is results.cells[1]
    assert results.find("tcp", "1 stream", Rig("veth")) is None


def test_tables_show_the_ratio_of_the_same_round_first() -> None:
    lines = [line.split() for line in shown(sample()).splitlines()]
    assert ["vtep", "0.50", "2.00", "0.40", "0.50", "50.0", "1"] in lines  # the first round alone
    kernel = ["kernel", "1.00", "4.05", "(4.00-4.10)", "-", "0.25", "-", "2"]
    assert kernel in [line[-8:] for line in lines]
    assert ["tcp", "1", "stream,", "wire", "1500,", "IPv6", "inside", "kernel"] in [
        line[:8] for line in lines
    ]
    assert ["65,536", "4.50"] in lines


def test_a_loss_is_beside_its_rate_and_has_no_column_of_its_own() -> None:
    said = shown(made_up(("kernel", "vtep"), spread=0))
    lines = said.splitlines()
    [udp] = [line for line in lines if line.startswith(" 64-byte") and "400" in line]
    assert "240, 40 % lost" in udp
    assert "168, 58 % lost" in udp
    assert not [line for line in lines if line.split()[:1] == ["lost"]]
    assert any("saturated" in line and "4.00" in line for line in lines)
    assert "A lower ratio is better" in said


def test_tables_have_units_and_explain_sizes_intervals_and_gigabytes() -> None:
    said = shown(made_up(("kernel", "vtep")))
    assert "200 connections, writes of 1 to 65,000 bytes, wire 1500" in said
    assert said.count(" 64-byte payload, wire 1500") == 2
    assert said.count("the inner Ethernet frame is 42 bytes longer") == 2
    assert said.count("ping waits 10 to 17 ms") == 1
    assert said.count("GB: 10^9 bytes that iperf3 counts, the warm-up included.") == 1
    assert "failed" not in said


def test_tables_count_failed_runs_and_name_searches_that_used_up_their_trials() -> None:
    results = made_up(("kernel", "vtep"))
    udp, ndr = results.of("udp")[0], results.of("ndr")[1]
    results.fail(udp, "vtep", 0, "rtt, a reason")
    ndr.figures["vtep"]["trials"][1] = 16.0
    lines = [line.strip() for line in shown(results).splitlines()]
    assert lines.count("1 run of udp failed, see results.json.") == 1
    assert not any("of ndr failed" in line or "of rtt failed" in line for line in lines)
    [stopped] = [line for line in lines if line.startswith("Search used all of its 16 trials")]
    assert stopped.endswith(": vtep, 512-byte payload, wire 1500 (1 of 5 rounds).")


def test_without_figures_nothing_is_drawn(tmp_path: Path) -> None:
    assert list(plots.draw(Results(), tmp_path)) == []
    assert json.loads(dump(Results()))["cells"] == []
