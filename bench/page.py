"""What the live page costs the daemon: CPU seconds a frame with the page open, and without.

    python -m bench.page [--rounds 8] [--seconds 6] [--rate 10000]

It needs what the tests of the page need: Chromium, and the extra "test" for Playwright.

A lab of two hosts, UDP from container to container at a fixed rate, and a real Chromium beside the
daemon that serves the page. In each round there is a run with the page closed, one with it open,
and one in which a client asks what the page asks, and draws nothing. A browser that draws without a
graphics card takes a core of its own, of the two or four that containers, daemons and iperf3 share,
and their caches: so what counts is what the daemon itself spends on a frame, and whether all frames
that were sent arrived, not what is left of the machine. The third run tells the daemon's work for
the page from what the browser takes from everybody.
"""

import argparse
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Browser
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.figures import Series, ratios, summarize, with_spread
from bench.measures.udp import count
from tests.netns.chromium import chromium
from tests.netns.live_page import WEB, LivePage
from vtep.lab import Daemon, TwoHosts, iperf3_command, iperf3_result, iperf3_server, ping, two_hosts

OCTETS = 200
"""Of each UDP datagram."""
_SETTLE_S = 1.5
_EXTRA_S = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        microseconds: of the daemon's processor time for each frame it forwarded.
        share: of a processor that the daemon took, in percent.
        delivered: frames that came out of the tunnel, of those sent, in percent.
        rate: frames a second.
    """

    microseconds: float
    share: float
    delivered: float
    rate: float


COLUMNS = (
    ("microseconds", "daemon's CPU a frame, us"),
    ("share", "of a core, %"),
    ("delivered", "delivered, %"),
    ("rate", "frames a second"),
)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=6, help="of each run")
    parser.add_argument("--rate", type=int, default=10_000, help="frames a second")
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {name: [] for name in ("closed", "open", "asked")}
    with _joined() as (lab, daemon), iperf3_server(lab.c2), chromium(lab.h1) as browser:
        for round_ in range(arguments.rounds):
            for name in list(runs)[:: 1 if round_ % 2 else -1]:
                with _asked(lab) if name == "asked" else _page(browser, is_open=name == "open"):
                    runs[name].append(_run(lab, daemon, arguments.rate, arguments.seconds))
    _show(runs, arguments)
    return 0


@contextmanager
def _joined() -> Iterator[tuple[TwoHosts, Daemon]]:
    """Join the containers of two hosts, and yield the daemon that serves the page."""
    usual = ["--tap", "vx0", "--vni", "100", "--bridge", "br0", "--peer"]
    with (
        two_hosts() as lab,
        lab.h2.vtep(*usual, lab.h1.address),
        lab.h1.vtep(*usual, lab.h2.address, "--web", WEB) as daemon,
    ):
        ping(lab.c1, lab.c2.address, count=3)
        yield lab, daemon


@contextmanager
def _page(browser: Browser, *, is_open: bool) -> Iterator[None]:
    """Have the page open, or closed, for the length of the block; the browser runs either way."""
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
def _asked(lab: TwoHosts) -> Iterator[None]:
    """Ask what the page asks: a sample of frames, and the counters once a second."""
    over = threading.Event()

    def ask(path: str) -> None:
        address, port = WEB.split(":")
        with lab.h1.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            client.connect((address, int(port)))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {WEB}\r\n\r\n".encode())
            with suppress(TimeoutError):
                while not over.is_set() and client.recv(1 << 16):
                    pass

    def look() -> None:
        while not over.wait(1.0):
            ask("/v1/stats")

    threads = [Thread(target=ask, args=["/v1/frames?headers=no"]), Thread(target=look)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(_SETTLE_S)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _run(lab: TwoHosts, daemon: Daemon, rate: int, seconds: int) -> Run:
    bitrate = str(rate * OCTETS * 8)
    command = iperf3_command(
        lab.c2.address, "--bitrate", bitrate, "--length", str(OCTETS), seconds=seconds, udp=True
    )
    frames, spent = _frames(daemon), _cpu_seconds(daemon.pid)
    began = time.monotonic()
    report = iperf3_result(lab.c1.run(command, timeout=seconds + _EXTRA_S).stdout).report
    took = time.monotonic() - began
    spent = _cpu_seconds(daemon.pid) - spent
    frames = _frames(daemon) - frames
    counted = count(report)
    return Run(
        microseconds=spent / frames * 1e6,
        share=100 * spent / took,
        delivered=100 * counted.received / counted.offered,
        rate=counted.offered / counted.seconds,
    )


def _frames(daemon: Daemon) -> int:
    overlay: dict[str, Any] = daemon.counters()["overlays"]["100"]
    return int(overlay["tx_frames"]) + int(overlay["rx_frames"])


def _cpu_seconds(pid: int) -> float:
    """Return the time on a processor of all threads, in seconds (proc_pid_schedstat(5))."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def slowdown(closed: Series, opened: Series) -> list[float | None]:
    """Return round by round by how many percent a frame costs more with the page open."""
    return [None if one is None else 100 * (one - 1) for one in ratios(opened, closed)]


def _show(runs: dict[str, list[Run]], arguments: argparse.Namespace) -> None:
    console = Console(highlight=False, emoji=False)
    console = console if console.is_terminal else Console(highlight=False, width=110)
    console.print(machine.caption(machine.describe()), soft_wrap=True)
    table = Table("page", *(title for _, title in COLUMNS))
    for name, series in runs.items():
        values = ([getattr(one, key) for one in series] for key, _ in COLUMNS)
        table.add_row(name, *(with_spread(summarize(one)) for one in values))
    console.print(table)
    console.print(f"{arguments.rounds} rounds of {arguments.seconds} s; medians (least-largest)")
    spent = {name: [one.microseconds for one in series] for name, series in runs.items()}
    for name in ("open", "asked"):
        more = with_spread(summarize(slowdown(spent["closed"], spent[name])))
        console.print(f"CPU a frame with the page {name}: {more} % more than closed, by rounds")


if __name__ == "__main__":
    sys.exit(main())
