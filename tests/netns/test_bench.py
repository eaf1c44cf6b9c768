"""The benchmark's command from end to end, as short as it gets. No figure is asserted."""

import re
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
    assert results.machine["offloads"]["veth"]["tx-checksumming"] == "on"
    assert results.machine["offloads"]["wire"]["tx-checksumming"] == "off"
    assert 0 <= results.machine["stolen_percent"] <= 100
    [cell] = results.cells
    for name in ("kernel", "vtep"):
        assert figure(cell, name, "gbps") > 0
        assert figure(cell, name, "retransmits") >= 0
        assert figure(cell, name, "machine_s_per_gb") > 0
    assert figure(cell, "vtep", "tunnel_s_per_gb") > 0
    assert cell.series("kernel", "tunnel_s_per_gb") == []
    assert (tmp_path / "tcp-ratio.png").stat().st_size > 10_000


def once(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one test of one contender in one short round."""
    short = ["--rounds", "1", "--seconds", "1", "--underlay", "wire", "--output", str(tmp_path)]
    return bench(*words, *short)


def kept(tmp_path: Path) -> Cell:
    """Return the only test in the results."""
    [cell] = load((tmp_path / "results.json").read_text()).cells
    return cell


def measured(tmp_path: Path, *words: str) -> Cell:
    """Measure one test of one contender in one short round."""
    done = once(tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return kept(tmp_path)


def test_datagrams_are_counted_and_not_the_gso_frames_that_carry_them(tmp_path: Path) -> None:
    udp = measured(tmp_path, "udp", "--size", "64", "--contender", "vtep")
    offered, arrived = figure(udp, "vtep", "offered_kpps"), figure(udp, "vtep", "arrived_kpps")
    assert 0.99 * figure(udp, "vtep", "received_kpps") <= arrived <= 1.01 * offered
    lost = figure(udp, "vtep", "lost_before_eth0_percent")
    assert lost == pytest.approx(100 * max(0, 1 - arrived / offered), abs=0.1)
    assert lost <= figure(udp, "vtep", "lost_percent") + 0.1


_NO_RATE = re.compile(
    r"^failed: loop, ndr 512 bytes, wire 1500, round 1: "
    r"no rate down to \d+ datagrams a second is without loss$",
    re.MULTILINE,
)


def test_a_rate_without_loss_is_found_or_the_search_says_that_none_passed(tmp_path: Path) -> None:
    done = once(tmp_path, "ndr", "--size", "512", "--contender", "loop")
    if done.returncode == 1:  # on a busy machine each rate may lose datagrams
        assert _NO_RATE.search(done.stdout), done.stdout + done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    ndr = kept(tmp_path)
    kpps = figure(ndr, "loop", "kpps")
    assert kpps > 0
    assert figure(ndr, "loop", "mbps") == pytest.approx(kpps * (512 + 42) * 8 / 1e3, rel=1e-3)
    assert figure(ndr, "loop", "lost_percent") <= 0.1
    assert 1 <= figure(ndr, "loop", "trials") <= 16


@pytest.mark.parametrize("load", ["often", "gigabit", "load"])
def test_round_trips_are_measured_beside_a_stream_and_without(tmp_path: Path, load: str) -> None:
    rtt = measured(tmp_path, "rtt", "--load", load, "--contender", "kernel")
    median, p99 = figure(rtt, "kernel", "median_us"), figure(rtt, "kernel", "p99_us")
    assert 0 < median <= p99 <= figure(rtt, "kernel", "max_us")
    lost = figure(rtt, "kernel", "lost_percent")
    assert figure(rtt, "kernel", "samples") == pytest.approx(200 * (1 - lost / 100))
    if load == "gigabit":
        assert 0 < figure(rtt, "kernel", "load_gbps") < 1.2  # less than 1 on a busy machine
    elif load == "load":
        assert figure(rtt, "kernel", "load_gbps") > 0
    else:
        assert rtt.series("kernel", "load_gbps") == []


def test_transactions_are_measured(tmp_path: Path) -> None:
    rr = measured(tmp_path, "rr", "--contender", "kernel")
    assert figure(rr, "kernel", "tps") > 0
    assert 0 < figure(rr, "kernel", "median_us") <= figure(rr, "kernel", "p99_us")


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
    assert "ratio to before" in done.stdout
