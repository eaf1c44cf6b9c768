"""CPU time of the daemon for each frame, with the live page open and without.

A lab of two hosts, UDP from container to container at a fixed rate, and a real Chromium beside the
daemon that serves the page. Each round has a run with the page closed, one with it open, and one
with a client that sends the requests of the page and draws nothing.

A browser that draws without a graphics card takes a core, of the two or four that containers,
daemons and iperf3 share, and their caches. So the figures are the daemon's own time for a frame and
the share of frames that arrived, not the throughput of the machine. The third run separates the
daemon's work for the page from what the browser takes from all others.

It needs what the tests of the page need: Chromium, and the dependency group "test" for Playwright.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from bench.measures.metric import Metric, Values
from bench.measures.udp import count
from vtep.lab import Daemon, TwoHosts, iperf3_command, iperf3_result, iperf3_server, ping, two_hosts

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGE = (
    Metric("us_per_frame", "daemon's CPU", "us/frame"),
    Metric("core_percent", "of a core", "%"),
    Metric("delivered_percent", "delivered", "%"),
    Metric("kfps", "frames sent", "k/s"),
)
CLOSED, OPEN, REQUESTED = "closed", "open", "requested"
STATES = {
    CLOSED: "the page is closed",
    OPEN: "the page is open in Chromium",
    REQUESTED: "a client sends the requests of the page",
}
ROUNDS, SECONDS, RATE = 8, 6, 10_000

_WEB = "127.0.0.1:8789"
OCTETS = 200
"""Of each UDP datagram."""
_SETTLE_S = 1.5
_EXTRA_S = 20.0


def run(rounds: int, seconds: int, rate: int) -> Iterator[tuple[int, str, Values]]:
    """Yield round, state and figures of each run, at *rate* frames a second."""
    from tests.netns.chromium import chromium

    with _joined() as (lab, daemon), iperf3_server(lab.c2), chromium(lab.h1) as browser:
        for round_ in range(rounds):
            for state in list(STATES)[:: 1 if round_ % 2 else -1]:
                if state == REQUESTED:
                    block = _requested(lab)
                else:
                    block = _page(browser, is_open=state == OPEN)
                with block:
                    yield round_, state, _run(lab, daemon, rate, seconds)


@contextmanager
def _joined() -> Iterator[tuple[TwoHosts, Daemon]]:
    """Join the containers of two hosts, and yield the daemon that serves the page."""
    usual = ["--tap", "vx0", "--vni", "100", "--bridge", "br0", "--peer"]
    with (
        two_hosts() as lab,
        lab.h2.vtep(*usual, lab.h1.address),
        lab.h1.vtep(*usual, lab.h2.address, "--web", _WEB) as daemon,
    ):
        ping(lab.c1, lab.c2.address, count=3)
        yield lab, daemon


@contextmanager
def _page(browser: "Browser", *, is_open: bool) -> Iterator[None]:
    """Keep the page open, or closed, during the block; the browser runs in both cases."""
    from tests.netns.live_page import LivePage

    if not is_open:
        time.sleep(_SETTLE_S)
        yield
        return
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = LivePage(context.new_page())
    page.open()
    time.sleep(_SETTLE_S)
    yield
    if not page.rows.count():
        raise RuntimeError("the page has not seen a frame")
    context.close()


@contextmanager
def _requested(lab: TwoHosts) -> Iterator[None]:
    """Send the requests of the page: a sample of frames, and the counters once a second."""
    over = threading.Event()

    def request(path: str) -> None:
        address, port = _WEB.split(":")
        with lab.h1.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            client.connect((address, int(port)))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {_WEB}\r\n\r\n".encode())
            with suppress(TimeoutError):
                while not over.is_set() and client.recv(1 << 16):
                    pass

    def poll() -> None:
        while not over.wait(1.0):
            request("/v1/stats")

    threads = [Thread(target=request, args=["/v1/frames?headers=no"]), Thread(target=poll)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(_SETTLE_S)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _run(lab: TwoHosts, daemon: Daemon, rate: int, seconds: int) -> Values:
    bitrate = str(rate * OCTETS * 8)
    command = iperf3_command(
        lab.c2.address, "--bitrate", bitrate, "--length", str(OCTETS), seconds=seconds, udp=True
    )
    frames, spent = _frames(daemon), cpu_seconds(daemon.pid)
    began = time.monotonic()
    report = iperf3_result(lab.c1.run(command, timeout=seconds + _EXTRA_S).stdout).report
    took = time.monotonic() - began
    spent = cpu_seconds(daemon.pid) - spent
    frames = _frames(daemon) - frames
    counted = count(report)
    return {
        "us_per_frame": spent / frames * 1e6,
        "core_percent": 100 * spent / took,
        "delivered_percent": 100 * counted.received / counted.offered,
        "kfps": counted.offered / counted.seconds / 1e3,
    }


def _frames(daemon: Daemon) -> int:
    overlay: dict[str, Any] = daemon.counters()["overlays"]["100"]
    return int(overlay["tx_frames"]) + int(overlay["rx_frames"])


def cpu_seconds(pid: int) -> float:
    """Return the time on a processor of all threads, in seconds (proc_pid_schedstat(5))."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
