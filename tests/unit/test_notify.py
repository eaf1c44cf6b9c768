"""The ready byte and systemd's socket, read by the test."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vtep.errors import HostError
from vtep.host import notify


def test_ready_writes_one_line_feed_and_closes() -> None:
    read, write = os.pipe()
    notify.ready(write)
    assert os.read(read, 10) == b"\n"
    assert os.read(read, 10) == b"", "closed"
    os.close(read)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(write)


def test_standard_error_stays_open() -> None:
    script = "import os; from vtep.host.notify import ready; ready(2); os.write(2, b'open')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b"\nopen"


def test_without_a_descriptor_nothing_happens() -> None:
    notify.ready(None)
    notify.check(None)


def test_a_closed_reading_end_is_ignored() -> None:
    read, write = os.pipe()
    os.close(read)
    notify.ready(write)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(write)


def test_a_descriptor_that_is_not_open_is_refused() -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    with pytest.raises(HostError, match=f"--ready-fd {write}"):
        notify.check(write)


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_systemd_gets_the_state(
    abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"@vtep-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + path[1:] if abstract else path)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify.sd_notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_without_systemd_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.sd_notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "missing"))
    notify.sd_notify("READY=1")
    assert list(tmp_path.iterdir()) == []
