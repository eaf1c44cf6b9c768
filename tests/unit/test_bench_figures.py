"""Statistics of the benchmarks, and the texts they are read from."""

import json
import os

import pytest

from bench.figures import percentile, ratios, short, summarize, with_spread
from bench.machine import cpu_model
from bench.measures.metric import MACHINE, PEAK, TUNNEL
from bench.measures.tcp import carried, received, retransmits
from bench.measures.udp import count, lost_percent
from bench.measures.usage import (
    machine_seconds,
    peak_octets,
    per_gigabyte,
    process_seconds,
    resident_octets,
)


def test_summary_is_of_the_rounds_that_have_a_figure() -> None:
    assert summarize([3.0, None, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert summarize([None, None]) is None
    assert summarize([]) is None


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([1.0, 4.0], [2.0, 2.0]) == [0.5, 2.0]
    assert ratios([1.0, None, 3.0, 4.0], [None, 2.0, 0.0]) == [None, None, None]


def test_percentile_is_the_nearest_rank() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]
    assert percentile(hundred, 99) == 99.0
    assert percentile(hundred, 50) == 50.0
    assert percentile([5.0], 99) == 5.0
    assert percentile([1.0, 2.0], 0) == 1.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "written"),
    [(123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012"), (0.0, "0.00")],
)
def test_figures_are_written_short(value: float, written: str) -> None:
    assert short(value) == written


def test_memory_of_this_process_is_read() -> None:
    assert 10_000_000 < resident_octets(os.getpid()) < 10_000_000_000


def test_a_spread_is_written_where_there_is_one() -> None:
    assert with_spread(summarize([1.0, 2.0, 4.0])) == "2.00 (1.00-4.00)"
    assert with_spread(summarize([1.0])) == "1.00"
    assert with_spread(None) == "-"


def test_process_time_is_of_user_and_system_whatever_the_name() -> None:
    fields = ["S", "1", "1", "1", "0", "-1", "0", "0", "0", "0", "0", "250", "50", "9", "9"]
    assert process_seconds(f"42 (a ) 7 (b) {' '.join(fields)}") == 3.0


def test_machine_time_leaves_idle_waiting_and_stolen_out() -> None:
    text = "cpu  100 20 30 9999 8888 40 10 7777 5 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert machine_seconds(text) == 2.0


def test_peak_memory_is_read_in_octets() -> None:
    assert peak_octets("VmPeak:\t  9 kB\nVmHWM:\t     120 kB\nVmRSS:\t 7 kB\n") == 120 * 1024
    assert peak_octets("Name:\tkthreadd\n") == 0


def test_seconds_become_seconds_a_gigabyte_and_memory_stays() -> None:
    values = {TUNNEL.key: 2.0, MACHINE.key: 4.0, PEAK.key: 50.0}
    assert per_gigabyte(values, 500_000_000) == {TUNNEL.key: 4.0, MACHINE.key: 8.0, PEAK.key: 50.0}
    assert per_gigabyte(values, 0) == {PEAK.key: 50.0}


def test_both_directions_of_a_tcp_report_are_added() -> None:
    one, other = {"bits_per_second": 5.0}, {"bits_per_second": 2.0}
    assert received({"end": {"sum_received": one}}) == 5.0
    both = {"sum_received": one, "sum_received_bidir_reverse": other, "sum_sent": other}
    assert received({"end": both}) == 7.0
    both = {"sum_sent": {"retransmits": 3}, "sum_sent_bidir_reverse": {"retransmits": 4}}
    assert retransmits({"end": both}) == 7


def test_the_octets_of_a_tcp_report_include_the_warm_up() -> None:
    warm_up = {"sum": {"bytes": 5, "omitted": True}, "sum_bidir_reverse": {"bytes": 2}}
    assert carried({"intervals": [warm_up, {"sum": {"bytes": 30, "omitted": False}}]}) == 37


def test_a_udp_report_counts_offered_and_received() -> None:
    total = {"packets": 100, "lost_packets": 30, "seconds": 2.0}
    sent = {"packets": 110, "lost_packets": 0, "seconds": 2.5}
    assert count({"end": {"sum": total}}) == (100, 70, 2.0)
    report = json.loads(
        json.dumps({"end": {"sum": total, "sum_sent": sent, "sum_received": total}})
    )
    assert count(report) == (110, 70, 2.5)


def test_loss_is_a_share_of_the_offered_and_never_negative() -> None:
    assert lost_percent(200, 150) == 25.0
    assert lost_percent(200, 201) == 0.0


def test_the_processor_is_named() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU\nflags\t: a\n") == "Some CPU"
