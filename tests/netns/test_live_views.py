"""Live views of a running daemon: events, rates in a terminal, Wireshark."""

import fcntl
import itertools
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.consoles import examples, run, says
from tests.frames import BROADCAST, MAC_B, MAC_C, frame
from tests.netns.background import repeating
from tests.netns.watched import TRUNK_VNI, VLAN, VTEP, Site, open_watched, sending_frames
from vtep.lab import GENEROUS_S, Process, ping, wait_until
from vtep.pcap import read
from vtep.wire import vxlan

pytestmark = pytest.mark.netns

DOCS = Path(__file__).parents[2] / "docs"
FLOOD, AT_ONCE = 20_000, 500
STRANGE = 5
FRAME = frame(dst="02:aa:aa:aa:aa:aa", vlan=VLAN)
BROADCAST_FRAME = frame(dst=BROADCAST, vlan=VLAN)


@pytest.fixture(scope="module")
def site(private_namespace: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_watched(tmp_path_factory.mktemp("site")) as made:
        yield made


def overlay(site: Site) -> Any:
    return site.daemon.ask("/v1/stats")["counters"]["overlays"][str(TRUNK_VNI)]


def has_learned(site: Site, before: Any, count: int) -> bool:
    return bool(overlay(site)["fdb"]["learned"] >= before["fdb"]["learned"] + count)


def until_subscribed(site: Site, *monitors: Process) -> None:
    """Send frames from new MACs until each monitor has printed an event."""
    fresh = itertools.count(0x02EE00000000)
    with sending_frames(site.lab.c1) as send:

        def all_have_printed() -> bool:
            send(frame(next(fresh).to_bytes(6, "big").hex(":"), BROADCAST))
            return all(one.stdout() for one in monitors)

        wait_until(all_have_printed, what="the first event", seen=lambda: monitors[0].stderr())


def totals(monitor: Process) -> Counter[str]:
    """Add up the trunk's events that a monitor printed, by type; complete lines only."""
    lines = monitor.stdout().rpartition("\n")[0].splitlines()
    counted: Counter[str] = Counter()
    for event in map(json.loads, lines):
        if event.get("vni") == TRUNK_VNI:
            counted[event["event"]] += event.get("count", 1)
    return counted


def test_a_flood_of_macs_is_reported_in_few_lines_with_right_counts(site: Site) -> None:
    before = overlay(site)
    assert before["fdb"]["entries"] == 0
    with site.command("monitor", "-j") as monitor, site.command("monitor", "-t") as in_text:
        until_subscribed(site, monitor, in_text)
        with sending_frames(site.trunk) as send:
            for number in range(FLOOD):
                send(FRAME[:6] + (0x02BB00000000 + number).to_bytes(6, "big") + FRAME[12:])
                if number % AT_ONCE == 0:  # no more at once than the TAP's queue holds
                    wait_until(partial(has_learned, site, before, number))
            send(frame(MAC_C, BROADCAST, vlan=VLAN))
        header = vxlan.pack(TRUNK_VNI)
        wait_until(lambda: overlay(site)["flooded"]["broadcast"] > before["flooded"]["broadcast"])
        site.peer.sendto(header + frame(MAC_C), (site.lab.h1.address, vxlan.PORT))
        for _ in range(STRANGE):
            site.stranger.sendto(header + frame(MAC_B), (site.lab.h1.address, vxlan.PORT))
        right = {
            "learned": FLOOD + 1,
            "moved": 1,
            "expired": FLOOD + 1,
            "flooded": FLOOD,
            "dropped": STRANGE,
        }
        wait_until(lambda: totals(monitor) == right, what=str(right), seen=lambda: totals(monitor))
        after = overlay(site)
        for process in (monitor, in_text):
            process.signal(signal.SIGINT)
            assert process.wait() == 0
            assert process.stderr() == ""
    for kind in ("learned", "moved", "expired"):
        assert after["fdb"][kind] - before["fdb"][kind] == right[kind], kind
    unknown = [counters["flooded"]["unknown_unicast"] for counters in (before, after)]
    assert unknown[1] - unknown[0] == FLOOD
    lines = in_text.stdout().splitlines()
    assert len(lines) < 2000
    ours = [line.partition("] ")[2] for line in lines if f"vni {TRUNK_VNI}" in line]
    peer = site.lab.h2.address
    assert f"{MAC_C} dev trunk0 vni {TRUNK_VNI} dst {peer} was local moved" in ours
    assert any(line.startswith(f"dev trunk0 vni {TRUNK_VNI} ... and ") for line in ours)
    assert any(" dropped 5 unknown_peer (the sender is not a peer" in line for line in ours)


@contextmanager
def busy(site: Site) -> Iterator[None]:
    """Have something happen every few milliseconds: what docs/capture.md shows."""
    fresh = itertools.count(0x02CC00000000)
    c1, c2 = site.lab.c1, site.lab.c2
    with (
        sending_frames(site.trunk) as send,
        c1.socket(socket.AF_INET, socket.SOCK_DGRAM) as talking,
        c2.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening,
    ):
        listening.bind((c2.address, 7000))

        def go_on() -> None:
            target = (site.lab.h1.address, vxlan.PORT)
            talking.sendto(b"how are you?", (c2.address, 7000))
            send(BROADCAST_FRAME[:6] + next(fresh).to_bytes(6, "big") + BROADCAST_FRAME[12:])
            for _ in range(2):
                site.peer.sendto(bytes(8), target)
            site.stranger.sendto(vxlan.pack(TRUNK_VNI) + frame(), target)

        with repeating(go_on, 0.005):
            yield


def test_every_example_of_the_document_is_true(site: Site, tmp_path: Path) -> None:
    assert ping(site.lab.c1, site.lab.c2.address)
    environ = {"HOME": str(tmp_path), "COLUMNS": "80"}
    with busy(site):
        for example in examples(DOCS / "capture.md"):
            printed = run(example, tmp_path, environ)
            assert says(example, printed), f"{example}:\n{printed}"


@contextmanager
def in_terminal(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a terminal of 80 by 24; give it and the terminal's other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [*VTEP, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "NO_COLOR": "1"},
    )
    try:
        yield process, ours
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def shown(terminal: int, until: bytes, timeout: float = GENEROUS_S) -> bytes:
    """Return what comes out of a terminal, up to and with what is waited for."""
    seen = b""
    deadline = time.monotonic() + timeout
    while until not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            with suppress(OSError):
                seen += os.read(terminal, 65536)
    assert until in seen, seen
    return seen


def test_top_shows_rates_and_restores_the_terminal(site: Site) -> None:
    with (
        in_terminal("top", "--socket", site.daemon.socket) as (by_key, first),
        in_terminal("top", "vx0") as (by_signal, second),
        site.command("top", "--once") as once,
        site.command("top") as nowhere,
    ):
        assert ping(site.lab.c1, site.lab.c2.address)
        target = (site.lab.h1.address, vxlan.PORT)
        site.stranger.sendto(vxlan.pack(TRUNK_VNI) + frame(MAC_B), target)
        for terminal in (first, second):
            screen = shown(terminal, b"unknown_peer: the sender")
            assert b"\x1b[?1049h" in screen
            for word in ("vtep vx0, trunk0", "q quits", "busy", "10.0.1.41", "a second"):
                assert word.encode() in screen, word
        os.write(first, b"q")
        by_signal.send_signal(signal.SIGINT)
        for process, terminal in ((by_key, first), (by_signal, second)):
            assert b"\x1b[?25h" in shown(terminal, b"\x1b[?1049l")
            assert process.wait(GENEROUS_S) == 0
        assert once.wait() == 0
        assert nowhere.wait() == 2
    lines = once.stdout().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in once.stdout()
    assert any(line.startswith("10.0.1.41") and " up " in line for line in lines)
    assert nowhere.stderr().startswith("vtep: error: top: needs a terminal")
    assert "--once" in nowhere.stderr()


def test_a_daemon_is_an_interface_of_wireshark(site: Site, tmp_path: Path) -> None:
    """As root too: WIRESHARK_EXTCAP_DIR is not looked at then, the personal folder is."""
    home = {"HOME": str(tmp_path)}
    environment = os.environ | home
    environment.pop("XDG_CONFIG_HOME", None)

    def vtep(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*VTEP, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=GENEROUS_S,
        )

    installed = vtep("extcap", "install")
    assert installed.stdout.startswith(f"installed {tmp_path}")
    program = installed.stdout.split()[1]
    options = subprocess.run(
        [program, "--extcap-config", "--extcap-interface", "vtep-vx0"],
        capture_output=True,
        text=True,
        check=True,
        timeout=GENEROUS_S,
    )
    assert "arg {number=0}{call=--vni}{display=VNI}" in options.stdout
    fields = [
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-e",
        "frame.interface_name",
        "-e",
        "frame.comment",
    ]
    with site.lab.h1.start(
        ["tshark", "-i", "vtep-vx0", "-c", "4", *fields], variables=home
    ) as wireshark:
        wait_until(
            lambda: ping(site.lab.c1, site.lab.c2.address) and wireshark.exit_code is not None,
            what="tshark to capture",
            seen=wireshark.stderr,
        )
        assert wireshark.wait() == 0
    rows = [line.split("|") for line in wireshark.stdout().splitlines()]
    sides = {"unicast: FDB hit, age ": ["vx0", "vx0-underlay"], "from ": ["vx0-underlay", "vx0"]}
    ways = [way for way in sides for (_, comment) in rows[::2] if comment.startswith(way)]
    assert len(ways) == 2, rows
    assert {*ways} == {*sides}  # a ping and its answer, or an answer and the next ping
    for (first, comment), (second, other) in (rows[:2], rows[2:]):
        assert comment == other
        assert [first, second] == next(sides[way] for way in ways if comment.startswith(way))
    assert vtep("extcap", "uninstall").stdout == f"removed {program}\n"
    again = vtep("extcap", "uninstall")
    assert again.returncode == 2
    assert "does not exist" in again.stderr


def test_each_view_ends_with_an_error_when_the_daemon_dies(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    with (
        site.command("capture", "-o", str(path)) as capture,
        site.command("monitor") as monitor,
        in_terminal("top") as (top, terminal),
    ):
        until_subscribed(site, monitor)
        shown(terminal, b"q quits")
        wait_until(path.exists, what="a capture")
        before = path.stat().st_size
        assert ping(site.lab.c1, site.lab.c2.address, count=20, interval=0.01)
        wait_until(lambda: path.stat().st_size > before + 5000, what="frames in the file")
        path_of_it = site.daemon.socket
        site.daemon.kill()
        for process in (capture, monitor):
            assert process.wait() == 1
            line = process.stderr()
            assert line.startswith(f"vtep: error: the vtep at {path_of_it}: went away")
            assert line.count("\n") == 1
        assert b"went away" in shown(terminal, b"went away")
        assert top.wait(GENEROUS_S) == 1
    with path.open("rb") as file:
        assert len(list(read(file))) >= 40
