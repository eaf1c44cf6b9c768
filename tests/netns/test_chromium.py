"""A browser of a test leaves neither files nor processes, however the test ends."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error

from tests.netns.chromium import chromium, processes
from vtep.lab import GENEROUS_S, TwoHosts, wait_until

pytestmark = pytest.mark.netns

WAITING = """
import time
from tests.netns.chromium import chromium
from vtep.lab import two_hosts

with two_hosts() as lab, chromium(lab.h1) as browser:
    page = browser.new_page()
    page.goto("data:text/html,waiting")
    print("open", flush=True)
    page.wait_for_function("() => false", timeout=0)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Replace the temporary directory of this process and of those that it starts.

    Its name is short, because Chromium makes a Unix socket in it.
    """
    with tempfile.TemporaryDirectory() as made:
        monkeypatch.setenv("TMPDIR", made)
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield Path(made)
        assert processes(made) == {}


def test_nothing_is_left_after_the_block(lab: TwoHosts, folder: Path) -> None:
    with chromium(lab.h1) as browser:
        browser.new_page().goto("data:text/html,here")
        assert len(processes(str(folder))) > 1
        assert list(folder.iterdir())
    assert list(folder.iterdir()) == []


def test_nothing_is_left_after_a_failure(lab: TwoHosts, folder: Path) -> None:
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"), chromium(lab.h1) as browser:
        browser.new_page().goto("http://127.0.0.1:8789/")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("is_terminal", [False, True])
def test_nothing_is_left_after_ctrl_c(folder: Path, is_terminal: bool) -> None:
    """A terminal sends the signal to the driver too, which is in our process group."""
    with waiting() as process:
        if is_terminal:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=GENEROUS_S)
    assert process.returncode
    assert "KeyboardInterrupt" in errors
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_the_test_is_killed(folder: Path, number: signal.Signals) -> None:
    with waiting() as process:
        process.send_signal(number)
        process.wait(GENEROUS_S)
    wait_until(lambda: not processes(str(folder)), GENEROUS_S)


def waiting() -> subprocess.Popen[str]:
    """Start a process that waits with an open page."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    return process
