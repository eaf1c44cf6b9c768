"""The lab's shell: in a script, at a terminal, and when it is killed."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.netns.leftovers import TOKEN, processes_with, visible_state, wait_until_none_left
from vtep.lab import GENEROUS_S, wait_until
from vtep.lab.command import environment

pytestmark = pytest.mark.netns

SHELL = [sys.executable, "-m", "vtep", "lab"]
JOIN = "{} vtep --tap vx0 --vni 100 --peer {} --bridge br0"


def shell(*options: str, script: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SHELL, *options],
        input=script,
        capture_output=True,
        text=True,
        timeout=GENEROUS_S,
        env=environment(),
    )


def test_a_script_reaches_hosts_containers_and_the_vtep_under_test() -> None:
    before = visible_state()
    script = """
    set -e
    vtep --version
    lab | grep 'c3 172.18.0.13'
    h3 ip -6 -br address show u3
    c2 ip -br address show eth0
    c2 cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address
    h1 ping -nqc1 fd00:1::42 | grep received
    echo $$
    ! c1 ping -nqc1 -W0.1 172.18.0.12 >&2
    exit 7
    """
    done = shell("--hosts", "3", "--family", "6", "--underlay-mtu", "1400", script=script)
    assert done.returncode == 7, done.stderr
    lines = [" ".join(re.sub(r"@if\d+", "", line).split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("vtep 0")
    assert lines[1:] == [
        "c1 172.18.0.11 c2 172.18.0.12 c3 172.18.0.13",
        "u3 UP fd00:1::42/64",
        "eth0 UP 172.18.0.12/16",
        "1330",
        "02:42:ac:12:00:0c",
        "1 packets transmitted, 1 received, 0% packet loss, time 0ms",
        "2",  # its own PID namespace
    ]
    assert visible_state() == before


def test_one_command_creates_a_vlan_device() -> None:
    done = shell("-c", "c1 vlan 10 192.0.2.1/24 && c1 ip -br a show vlan10; c1 vlan 10")
    assert "192.0.2.1/24" in done.stdout
    assert done.returncode == 2
    assert done.stderr.startswith("vtep.lab: error: vlan: ")
    assert "c1 vlan NUMBER ADDRESS/LENGTH" in done.stderr


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--hosts", "1"], "2..9"),
        (["--underlay-mtu", "600"], "626..9216"),
    ],
)
def test_a_bad_option_is_reported_in_one_line(options: list[str], remedy: str) -> None:
    done = shell(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"vtep: error: {' '.join(options)}: ")
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1


def test_background_processes_end_with_the_shell() -> None:
    token = uuid.uuid4().hex
    script = f"""
    {JOIN.format("h1", "10.0.1.41")} 2>&1 &
    {JOIN.format("h2", "10.0.1.4")} 2>&1 &
    c2 setsid nohup sleep 1000 >/dev/null 2>&1 &
    until c1 ping -nqc1 -W0.2 172.18.0.12 >/dev/null; do :; done
    echo reached
    """
    done = subprocess.run(
        [*SHELL, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        timeout=GENEROUS_S,
        env=environment({TOKEN: token}),
    )
    assert done.stdout.endswith("reached\n")
    assert done.stdout.count("INFO ready") == 2
    assert processes_with(token) == []


@contextmanager
def terminal() -> Iterator[tuple[subprocess.Popen[bytes], int, str]]:
    """Start the shell on its own terminal; yield the process, the terminal and the token."""
    token = uuid.uuid4().hex
    master, slave = pty.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", *SHELL],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment({TOKEN: token, "SHELL": "/bin/bash", "HOME": "/"}),
    ) as process:
        os.close(slave)
        try:
            yield process, master, token
        finally:
            process.kill()
            os.close(master)


def read_until(master: int, text: str, timeout: float = GENEROUS_S) -> str:
    said, deadline = "", time.monotonic() + timeout
    while text not in said:
        readable, _, _ = select.select([master], [], [], max(0.0, deadline - time.monotonic()))
        assert readable, said
        said += os.read(master, 4096).decode()
    return said


def test_at_a_terminal_ctrl_c_ends_only_the_running_command() -> None:
    with terminal() as (process, master, token):
        assert "c1 172.18.0.11" in read_until(master, "lab$ ")
        os.write(master, b"h1 sleep 1000\n")
        wait_until(lambda: "sleep 1000 " in processes_with(token), what="sleep")
        os.write(master, b"\x03")
        read_until(master, "lab$ ")
        os.write(master, b"h1\n")
        read_until(master, "h1$ ")
        os.write(master, b"exit\n")
        read_until(master, "lab$ ")
        os.write(master, b"h1 sleep 2000 &\n")
        read_until(master, "lab$ ")
        os.write(master, b"exit 5\n")
        wait_until_none_left(token)
        assert process.wait(GENEROUS_S) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_all_processes_end_when_the_shell_is_killed(number: int) -> None:
    before = visible_state()
    with terminal() as (process, master, token):
        read_until(master, "lab$ ")
        os.write(master, b"h1 setsid sleep 1000 & h1 sleep 2000\n")
        wait_until(
            lambda: len([b for b in processes_with(token) if "sleep" in b]) == 2, what="sleeps"
        )
        process.send_signal(number)
        wait_until_none_left(token)
    assert visible_state() == before
