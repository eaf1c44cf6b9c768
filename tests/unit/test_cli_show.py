"""`vtep fdb show` and `vtep peer show` with a destination: every spelling of it, or an error."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from tests.unit.api_daemon import ApiDaemon
from vtep.cli.dispatch import run as run_command
from vtep.dataplane.fdb import LOCAL
from vtep.errors import UsageError

PEERS = [(ip, (ip, 4789, 0, 0)) for ip in ("fd00::2", "fd00::3")]


def run(path: Path, command: str, dst: str) -> None:
    """Run `vtep fdb|peer show dst DST` for a daemon with two peers and a local MAC."""
    daemon = ApiDaemon(path / "vtep.sock", peers=PEERS)
    daemon.overlay.fdb.learn(b"\2\0\0\0\0\x0a", LOCAL, time.monotonic())

    async def within() -> None:
        async with daemon.serving():
            words = ["show", "dst", dst, "--socket", str(daemon.path)]
            assert await asyncio.to_thread(run_command, command, words) == 0

    uvloop.run(within())


@pytest.mark.parametrize("dst", ["fd00::2", "FD00::2", "fd00:0::2"])
@pytest.mark.parametrize("command", ["fdb", "peer"])
def test_a_destination_matches_in_every_spelling(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    dst: str,
) -> None:
    run(tmp_path, command, dst)
    (line,) = capsys.readouterr().out.splitlines()
    assert "fd00::2 " in line


def test_local_is_a_destination_of_the_fdb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "fdb", "local")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("02:00:00:00:00:0a ")


@pytest.mark.parametrize(
    ("command", "dst", "remedy"),
    [("fdb", "foo", "or local"), ("peer", "foo", "use"), ("peer", "local", "use")],
)
def test_another_destination_is_refused(
    tmp_path: Path, command: str, dst: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=f"^dst '{dst}': .*; .*{remedy}"):
        run(tmp_path, command, dst)
