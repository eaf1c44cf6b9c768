"""Guessed words for a running daemon; its API is real, its devices are not."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest
import uvloop

from tests.unit.api_daemon import ApiDaemon
from vtep.cli.main import main
from vtep.dataplane.counters import Drop
from vtep.dataplane.fdb import LOCAL

LEARNED, HERE, PEER, OTHER = "02:00:00:00:00:0c", "02:00:00:00:00:0a", "10.0.1.41", "10.0.1.42"
FLOOD = "00:00:00:00:00:00"


def ask(path: Path, words: str) -> int:
    """Run a command for a daemon with two peers, a learned MAC and a local one."""
    peers = [(ip, (ip, 4789)) for ip in (PEER, OTHER)]
    daemon = ApiDaemon(path / "vtep.sock", peers=peers)
    now = time.monotonic()
    overlay = daemon.overlay
    overlay.fdb.learn(bytes.fromhex(HERE.replace(":", "")), LOCAL, now)
    peer = overlay.peers[PEER]
    overlay.fdb.learn(bytes.fromhex(LEARNED.replace(":", "")), peer, now)

    async def within() -> int:
        async with daemon.serving():
            return await asyncio.to_thread(main, [*words.split(), "--socket", str(daemon.path)])

    code: int = uvloop.run(within())
    return code


FLOODED = [f"{FLOOD} {PEER}", f"{FLOOD} {OTHER}"]
DYNAMIC = [f"{HERE} local", f"{LEARNED} {PEER}"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("fdb", FLOODED + DYNAMIC),
        ("fdb show", FLOODED + DYNAMIC),
        ("fdb list", FLOODED + DYNAMIC),
        ("fdb ls", FLOODED + DYNAMIC),
        ("fdb lst", FLOODED + DYNAMIC),
        ("fdb s", FLOODED + DYNAMIC),
        ("f s", FLOODED + DYNAMIC),
        ("fdb dev vx0", FLOODED + DYNAMIC),
        ("fdb show vx0", FLOODED + DYNAMIC),
        ("fdb show brport vx0", FLOODED + DYNAMIC),
        ("fdb show dev vx1", []),
        ("fdb show self", FLOODED + DYNAMIC),
        (f"fdb show {LEARNED}", [f"{LEARNED} {PEER}"]),
        (f"fdb show {LEARNED.upper()}", [f"{LEARNED} {PEER}"]),
        (f"fdb show {LEARNED.replace(':', '-')}", [f"{LEARNED} {PEER}"]),
        (f"fdb {LEARNED}", [f"{LEARNED} {PEER}"]),
        (f"fdb show {LEARNED} dev vx0 vni 100", [f"{LEARNED} {PEER}"]),
        (f"fdb show {PEER}", [f"{FLOOD} {PEER}", f"{LEARNED} {PEER}"]),
        ("fdb show dynamic", DYNAMIC),
        ("fdb show state dynamic", DYNAMIC),
        ("fdb show state reachable", DYNAMIC),
        ("fdb show state all", FLOODED + DYNAMIC),
        ("fdb show permanent", FLOODED),
        ("fdb show state permanent", FLOODED),
        ("fdb show static", []),
        ("fdb show state noarp", []),
        (f"fdb show {LEARNED} permanent", []),
        (f"fdb get {LEARNED}", [f"{LEARNED} {PEER}"]),
        (f"fdb get to {LEARNED} dev vx0", [f"{LEARNED} {PEER}"]),
        (f"fdb get {LEARNED} brport vx0 vni 100 self dynamic", [f"{LEARNED} {PEER}"]),
        (f"-d fdb show {LEARNED}", [f"{LEARNED} {PEER}"]),
        (f"-o -d -color fdb show {LEARNED} -c", [f"{LEARNED} {PEER}"]),
    ],
)
def test_the_words_of_bridge_fdb_select_entries(
    words: str, found: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, words) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sorted(f"{line[0]} {line[4]}" for line in lines) == sorted(found)


@pytest.mark.parametrize("words", ["", "type vxlan", "vx0 type vxlan", "dev vx0"])
@pytest.mark.parametrize("command", ["show", "link show", "link"])
def test_the_words_of_ip_link_select_overlays(
    command: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, f"{command} {words}") == 0
    assert "vxlan id 100 " in capsys.readouterr().out


def test_the_same_word_for_a_command_twice_is_a_tap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, "link link") == 0
    assert capsys.readouterr().out == ""


def test_a_bridge_that_no_tap_is_attached_to_is_an_error_with_one_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, "fdb show br brx") == 2
    said = capsys.readouterr().err
    assert said == "vtep: error: br brx: no TAP is attached to a bridge; leave br out\n"


@pytest.mark.parametrize("words", ["show vni 5", "show master brx", "peer show 10.9.9.9"])
def test_a_filter_without_a_match_prints_nothing(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, words) == 0
    assert capsys.readouterr().out == ""


def test_getting_an_entry_that_does_not_exist_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, "fdb get 02:00:00:00:00:77") == 2
    said = capsys.readouterr().err
    assert said == ("vtep: error: 02:00:00:00:00:77: not in the FDB; list it with vtep fdb show\n")


def test_an_unknown_state_is_an_error_of_the_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, "fdb show state gone") == 2
    assert "permanent, static, dynamic" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("peer", [PEER, OTHER]),
        ("peer show", [PEER, OTHER]),
        ("peer list", [PEER, OTHER]),
        ("peer ls", [PEER, OTHER]),
        ("p s", [PEER, OTHER]),
        (f"peer show {OTHER}", [OTHER]),
        (f"peer {OTHER}", [OTHER]),
        (f"peer show to {OTHER}", [OTHER]),
        (f"peer show {OTHER} dev vx0", [OTHER]),
        ("peer show vx0", [PEER, OTHER]),
        ("peer show vx1", []),
    ],
)
def test_the_words_of_ip_neighbor_select_peers(
    words: str, found: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, words) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == found


@pytest.mark.parametrize(
    "words",
    [
        "{} -s -j show",
        "{} show -s -j",
        "-s -j {} show",
        "-sj {} show",
        "-stats -json {} show",
        "-statistics -json {} show",
        "--statistics --json {} show",
        "-stat -js {} show",
        "{} show -stat -js",
        "-j -p {} show",
        "-json -pretty {} show",
        "-p -j {} show -details",
    ],
)
@pytest.mark.parametrize("command", ["fdb", "peer"])
def test_options_of_iproute2_come_before_or_after_the_command(
    words: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, words.format(command)) == 0
    said = capsys.readouterr().out
    assert len(json.loads(said)) == (4 if command == "fdb" else 2)
    assert ("\n        " in said) == ("-p" in words)


def test_one_line_for_each_record_as_ip_o(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ("-s -o peer", "-oneline -s peer show", "peer -oneline -stats"):
        assert ask(tmp_path, words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == [PEER, OTHER]
        assert all(line.count("\\") == 4 for line in lines)


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("monitor", {"learned", "dropped"}),
        ("monitor all", {"learned", "dropped"}),
        ("mon all", {"learned", "dropped"}),
        ("monitor fdb", {"learned"}),
        ("monitor drops", {"dropped"}),
        ("monitor drop", {"dropped"}),
        ("-timestamp monitor drops", {"dropped"}),
        ("monitor fdb drops vni 100", {"learned", "dropped"}),
    ],
)
def test_the_objects_of_bridge_monitor_select_events(
    words: str, kinds: set[str], tmp_path: Path
) -> None:
    daemon = ApiDaemon(tmp_path / "vtep.sock")
    command = [sys.executable, "-m", "vtep", *words.split(), "--socket", str(daemon.path)]
    seen: set[str] = set()

    async def read(output: asyncio.StreamReader) -> None:
        async for line in output:
            seen.update({"learned", "dropped"} & set(line.decode().split()))

    async def within() -> int:
        async with daemon.serving():
            monitor = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            assert monitor.stdout
            reading = asyncio.create_task(read(monitor.stdout))
            number = 0
            try:
                while monitor.returncode is None and (seen != kinds or number < 40):
                    assert number < 1000, seen
                    number += 1
                    mac = b"\2\0\0\0" + number.to_bytes(2)
                    daemon.overlay.fdb.learn(mac, LOCAL, time.monotonic())
                    daemon.overlay.drops[Drop.UNKNOWN_PEER] += 1
                    await asyncio.sleep(0.02)
            finally:
                if monitor.returncode is None:
                    monitor.terminate()
                await reading
            return await monitor.wait()

    code = uvloop.run(within())
    assert (code, seen) == (0, kinds)
