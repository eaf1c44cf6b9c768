"""The demo, as a person runs it, and as an impatient one ends it."""

import json
import os
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
from vtep.lab import wait_until
from vtep.lab.command import environment

pytestmark = pytest.mark.netns


@contextmanager
def demo(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the demo; all that it starts inherits the token in its environment."""
    token = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-m", "vtep.lab", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment({TOKEN: token}),
    )
    with process:
        try:
            yield process, token
        finally:
            process.kill()


def read_until(process: subprocess.Popen[bytes], text: str, timeout: float = 30.0) -> str:
    """Read its output until `text` is in it; "" reads to the end."""
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


def ask(port: int, path: str) -> bytes:
    """Ask the page's address from here, outside of the demo's namespaces."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        body: bytes = answer.read()
        return body


def test_the_demo_shows_all_it_promises_and_stays_with_its_page_until_ctrl_c() -> None:
    before, started = visible_state(), time.monotonic()
    with demo("--seconds", "1", "--web", "0") as (process, token):
        said = read_until(process, "Ctrl-C ends it")
        assert time.monotonic() - started < 60
        port = int(said.partition("http://127.0.0.1:")[2].partition("/")[0])
        assert b"<!doctype html>" in ask(port, "/").lower()
        learned = {entry["mac"]: entry["dst"] for entry in json.loads(ask(port, "/v1/fdb"))}
        assert learned["02:42:ac:12:00:0b"] == "local"
        assert learned["02:42:ac:12:00:0c"] == "10.0.1.41"

        def sent() -> int:
            counters = json.loads(ask(port, "/v1/stats"))["counters"]
            return int(counters["overlays"]["100"]["tx_frames"])

        first = sent()
        wait_until(lambda: sent() > first, what="traffic that goes on")
        process.send_signal(signal.SIGINT)
        said += read_until(process, "", timeout=20)
        assert process.wait(10) == 0, said
        with pytest.raises(OSError, match="refused"):
            ask(port, "/")
    for text in (
        "3 sent, 0 came back",
        "h1 $ vtep --tap vx0 --vni 100 --peer 10.0.1.41 --bridge br0",
        "3 sent, 3 came back",
        "100 (0x64)",
        "|R|R|R|R|I|R|R|R|",
        "Why 50 octets",
        "02:42:ac:12:00:0b dev vx0 dst local vni 100 self",
        "flooded broadcast 1",
        "Gb/s through both VTEPs",
        "vtep on h2: exit code 0",
    ):
        assert text in said
    assert "\x1b" not in said  # no colours where there is no terminal
    assert processes_with(token) == []
    assert visible_state() == before


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "Two hosts, a container on each"),
        (signal.SIGINT, "Before the tunnel"),
        (signal.SIGINT, "One command on each host"),
        (signal.SIGINT, "After: the same ping"),
        (signal.SIGINT, "iperf3 --client"),
        (signal.SIGINT, "The end: SIGTERM"),
        (signal.SIGTERM, "iperf3 --client"),
    ],
)
def test_interrupted_at_any_moment_it_leaves_nothing(number: int, moment: str) -> None:
    before = visible_state()
    with demo("--seconds", "1") as (process, token):
        read_until(process, moment)
        assert processes_with(token)
        process.send_signal(number)
        said = read_until(process, "", timeout=20)
        assert process.wait(10) == (0 if "nothing is left" in said else 130), said
    assert "Traceback" not in said
    wait_until_none_left(token)
    assert visible_state() == before


@pytest.mark.parametrize("moment", ["Before the tunnel", "iperf3 --client"])
def test_killed_at_once_it_takes_everything_along(moment: str) -> None:
    with demo() as (process, token):
        read_until(process, moment)
        process.kill()
        process.wait(10)
        wait_until_none_left(token)


def test_a_port_that_is_taken_is_said_before_anything_is_built() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo("--web", str(port)) as (process, _):
            said = read_until(process, "")
            assert process.wait(10) == 2
    assert said == (
        f"vtep.lab: error: cannot listen at 127.0.0.1:{port} (Address already in use): "
        "choose another, as --web 8790 (make demo WEB=8790)\n"
    )


def test_without_rich_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['rich'] = None; sys.argv = ['lab', 'demo']\n"
        "from vtep.lab.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "vtep.lab: error: the demo draws with rich: pip install rich\n"
