"""The benchmark's command from end to end, as short as it gets. No figure is asserted."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.results import Cell, load
from vtep.lab.command import environment

pytestmark = pytest.mark.netns


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env=environment(),
    )


def figure(cell: Cell, contender: str, key: str) -> float:
    [only] = cell.series(contender, key)
    assert only is not None
    return only


def test_tcp_is_measured_shown_kept_and_drawn(tmp_path: Path) -> None:
    one_second = ["--rounds", "1", "--seconds", "1", "--underlay", "wire"]
    done = bench("tcp", "--contender", "kernel,vtep", *one_second, "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 stream, wire 1500" in done.stdout
    results = load((tmp_path / "results.json").read_text())
    assert results.machine["kernel"]
    assert results.machine["iperf3"].startswith("iperf ")
    [cell] = results.cells
    for name in ("kernel", "vtep"):
        assert figure(cell, name, "gbps") > 0
        assert figure(cell, name, "machine_s_per_gb") > 0
    assert figure(cell, "vtep", "tunnel_s_per_gb") > 0
    assert cell.series("kernel", "tunnel_s_per_gb") == []
    assert (tmp_path / "tcp-ratio.png").stat().st_size > 10_000


def test_datagrams_and_round_trips_are_measured(tmp_path: Path) -> None:
    short = ["--contender", "loop", "--rounds", "1", "--seconds", "1", "--underlay", "veth"]
    done = bench("udp", "--size", "512", *short, "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    [udp] = load((tmp_path / "results.json").read_text()).cells
    assert 0 < figure(udp, "loop", "nic_kpps") <= figure(udp, "loop", "offered_kpps") * 1.01
    assert figure(udp, "loop", "nic_kpps") >= figure(udp, "loop", "received_kpps") * 0.99
    done = bench("rtt", "--load", "load", *short, "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    [rtt] = load((tmp_path / "results.json").read_text()).cells
    assert 0 < figure(rtt, "loop", "median_us") <= figure(rtt, "loop", "p99_us")


def test_many_connections_of_ours_and_of_another_checkout_are_measured(tmp_path: Path) -> None:
    (tmp_path / "vtep").symlink_to(Path(__file__).parents[2] / "vtep")
    words = ["--measure", "many", "--connections", "5", "--writes", "100-2000"]
    words += ["--contender", "vtep", "--before", str(tmp_path)]
    short = ["--rounds", "1", "--seconds", "1", "--underlay", "veth"]
    done = bench("run", *words, *short, "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    [cell] = load((tmp_path / "results.json").read_text()).cells
    for name in ("vtep", "before"):
        assert figure(cell, name, "gbps") > 0
        assert 10 < figure(cell, name, "rss_start_mb") <= figure(cell, name, "rss_end_mb") + 5
    assert "of before's" in done.stdout
