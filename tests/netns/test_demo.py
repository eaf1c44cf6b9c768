"""The demo, run to its end, interrupted, and killed."""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.netns.leftovers import TOKEN, processes_with, visible_state, wait_until_none_left
from vtep.lab import GENEROUS_S, wait_until
from vtep.lab.command import environment

pytestmark = pytest.mark.netns

MAX_CPU_S = 30
"""Processor time of a demo that takes less than a minute, on a busy machine too."""


@contextmanager
def demo(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the demo; its processes inherit the token in their environment."""
    token = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-m", "vtep", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment({TOKEN: token}),
    )
    with process:
        try:
            yield process, token
        finally:
            process.kill()


def read_until(process: subprocess.Popen[bytes], text: str, timeout: float = GENEROUS_S) -> str:
    """Read its output until `text` appears; "" reads to the end."""
    assert process.stdout
    said = b""
    deadline = time.monotonic() + timeout
    while not text or text.encode() not in said:
        assert select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0], (
            said.decode()
        )
        got = os.read(process.stdout.fileno(), 65536)
        said += got
        if not got:
            break
    assert text in said.decode()
    return said.decode()


def cpu_seconds() -> float:
    """Return the processor time of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def get(port: int, path: str) -> bytes:
    """Get a path of the page from outside the demo's namespaces."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=GENEROUS_S) as answer:
        body: bytes = answer.read()
        return body


def test_the_demo_shows_every_step_and_serves_its_page_until_ctrl_c() -> None:
    before, spent = visible_state(), cpu_seconds()
    with demo("--seconds", "1", "--web", "0") as (process, token):
        said = read_until(process, "Ctrl-C ends it", 5 * GENEROUS_S)
        port = int(said.partition("http://127.0.0.1:")[2].partition("/")[0])
        assert b"<!doctype html>" in get(port, "/").lower()
        learned = {entry["mac"]: entry["dst"] for entry in json.loads(get(port, "/v1/fdb"))}
        assert learned["02:42:ac:12:00:0b"] == "local"
        assert learned["02:42:ac:12:00:0c"] == "10.0.1.41"

        def sent() -> int:
            counters = json.loads(get(port, "/v1/stats"))["counters"]
            return int(counters["overlays"]["100"]["tx_frames"])

        first = sent()
        wait_until(lambda: sent() > first, what="more traffic")
        process.send_signal(signal.SIGINT)
        said += read_until(process, "")
        assert process.wait(GENEROUS_S) == 0, said
        assert cpu_seconds() - spent < MAX_CPU_S
        with pytest.raises(OSError, match="refused"):
            get(port, "/")
    for text in (
        "3 sent, 0 received",
        "h1 $ vtep --tap vx0 --vni 100 --peer 10.0.1.41 --bridge br0",
        "3 sent, 3 received",
        "100 (0x64)",
        "|R|R|R|R|I|R|R|R|",
        "The tunnel adds 50 bytes",
        "02:42:ac:12:00:0b dev vx0 dst local vni 100 self",
        "flooded broadcast 1",
        "Gb/s through both VTEPs",
        "vtep on h2: exit code 0",
    ):
        assert text in said
    assert "\x1b" not in said  # no colours without a terminal
    assert processes_with(token) == []
    assert visible_state() == before


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "Two hosts with one container each"),
        (signal.SIGINT, "Before the tunnel"),
        (signal.SIGINT, "Start a VTEP with one command"),
        (signal.SIGINT, "With the tunnel"),
        (signal.SIGINT, "iperf3 --client"),
        (signal.SIGINT, "Stop both VTEPs"),
        (signal.SIGTERM, "iperf3 --client"),
    ],
)
def test_interrupted_at_any_step_it_leaves_nothing_behind(number: int, moment: str) -> None:
    before = visible_state()
    with demo("--seconds", "1") as (process, token):
        read_until(process, moment)
        assert processes_with(token)
        process.send_signal(number)
        said = read_until(process, "")
        assert process.wait(GENEROUS_S) == (0 if "nothing is left" in said else 130), said
    assert "Traceback" not in said
    wait_until_none_left(token)
    assert visible_state() == before


@pytest.mark.parametrize("moment", ["Before the tunnel", "iperf3 --client"])
def test_killed_it_takes_all_its_processes_along(moment: str) -> None:
    with demo() as (process, token):
        read_until(process, moment)
        process.kill()
        process.wait(GENEROUS_S)
        wait_until_none_left(token)


def test_a_port_in_use_is_reported_before_anything_is_built() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo("--web", str(port)) as (process, _):
            said = read_until(process, "")
            assert process.wait(GENEROUS_S) == 2
    assert said.startswith(f"vtep: error: --web {port}: ")
    assert "Address already in use" in said
    assert said.count("\n") == 1


def test_without_rich_the_error_names_it() -> None:
    script = (
        "import sys; sys.modules['rich'] = None\n"
        "from vtep.cli.main import main; sys.exit(main(['demo']))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vtep: error: ")
    assert "pip install rich" in done.stderr


@pytest.mark.parametrize("prefix", ["", "trap '' INT; "])
def test_ctrl_c_while_iperf3_runs_ends_the_page_cleanly(prefix: str) -> None:
    """Ctrl-C signals the whole process group; a job in the background even starts deaf to it."""
    before, token = visible_state(), uuid.uuid4().hex
    command = f'{prefix}exec "$@"'
    demo = [sys.executable, "-m", "vtep", "demo", "--seconds", "1", "--web", "0"]
    with subprocess.Popen(
        ["sh", "-c", command, "sh", *demo],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment({TOKEN: token}),
        start_new_session=True,
    ) as process:
        try:
            said = read_until(process, "Ctrl-C ends it", 5 * GENEROUS_S)
            wait_until(
                lambda: any("iperf3 --client" in one for one in processes_with(token)),
                what="iperf3",
            )
            os.killpg(process.pid, signal.SIGINT)
            said += read_until(process, "")
            assert process.wait(GENEROUS_S) == 0, said
        finally:
            process.kill()
    assert "nothing is left on this machine" in said
    assert "error:" not in said
    wait_until_none_left(token)
    assert visible_state() == before
