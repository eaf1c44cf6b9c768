"""`vtep check` refuses what no host accepts, as the daemon does, and nothing else."""

from pathlib import Path

import pytest

from tests.unit.test_cli import JOIN, assert_named, complaint, run


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (f"{JOIN} --local 10.0.1.41", ["peer 10.0.1.41", "local address", "other VTEP"]),
        (f"{JOIN} --local ::1", ["peer 10.0.1.41: IPv4", "local ::1 is IPv6", "one family"]),
        (f"{JOIN} --peer fd00::1", ["fd00::1: IPv6", "10.0.1.41 is IPv4", "one family"]),
        (f"{JOIN} --peer 239.1.1.1", ["peer 239.1.1.1:", "multicast", "each VTEP"]),
        ("--tap a --vni 1 --peer ff02::1%u1", ["peer ff02::1%u1:", "multicast", "each VTEP"]),
        (f"{JOIN} --peer 255.255.255.255", ["peer 255.255.255.255:", "broadcast", "each VTEP"]),
        (f"{JOIN} --peer 0.0.0.0", ["peer 0.0.0.0:", "unspecified", "other VTEP"]),
        ("--tap a --vni 1 --peer ::ffff:10.0.1.41", ["IPv4-mapped", "use 10.0.1.41"]),
        ("--tap a --vni 1 --peer fe80::41", ["peer fe80::41:", "link-local", "fe80::41%eth0"]),
        (f"{JOIN} --underlay-mtu 1500 --mtu 1451", ["mtu 1451", "1500", "50", "at most 1450"]),
        (f"{JOIN} --underlay-mtu 629 --vlan pass", ["629", "575", "576", "at least 630"]),
        (f"{JOIN} --bridge vx0", ["bridge vx0", "the TAP itself"]),
        (f"{JOIN} --control /{'x' * 107}", ["control /xxx", "108", "at most 107"]),
        (f"{JOIN} --web 127.0.0.1:80 --metrics 127.0.0.1:80", ["web", "metrics", "its own port"]),
        (f"{JOIN} --web 127.0.0.1:80 --metrics 0.0.0.0:80", ["web", "metrics", "its own port"]),
    ],
)
def test_what_no_host_accepts_is_one_line(words: str, named: list[str], tmp_path: Path) -> None:
    assert_named(complaint(run(*words.split(), folder=tmp_path)), named)


@pytest.mark.parametrize(
    "words",
    [
        "--dev u1 --peer fe80::41",
        "--peer fe80::41%u1 --local fe80::4%u1",
        "--peer h1 --peer 10.0.1.41 --local 10.0.1.4",
        "--peer fd00::1 --underlay-mtu 1500 --mtu 1430",
        "--peer h --web 127.0.0.1:80 --metrics [::1]:80",
        "--peer h --web 127.0.0.1:0 --metrics 127.0.0.1:0",
        f"--peer h --control /{'x' * 106}",
    ],
)
def test_what_can_work_on_some_host_passes_the_check(words: str) -> None:
    done = run("check", "--tap", "vx0", "--vni", "100", *words.split())
    assert (done.returncode, done.stderr) == (0, "")
