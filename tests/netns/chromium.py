"""A headless Chromium in a network namespace, driven by Playwright.

Playwright's driver and the browser talk through two pipes. So the browser can be in another
network namespace than the test, and neither opens a port. The browser is the one of the system;
Playwright downloads nothing.
"""

import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from playwright.sync_api import Browser, expect, sync_playwright

from vtep.lab import GENEROUS_S, LabError, wait_until
from vtep.lab.command import environment
from vtep.lab.netns import Netns

FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)
LIMIT_MS = GENEROUS_S * 1000
_FOLDERS = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


@contextmanager
def chromium(netns: Netns) -> Iterator[Browser]:
    """Start a browser in `netns`; end it, and remove all its files, at the end of the block.

    The profile, the driver's files and the home directory are in one temporary directory. It is
    removed when the last process of the browser has ended. Raises LabError if a process is left.
    """
    with ExitStack() as undo:
        folder = undo.enter_context(TemporaryDirectory(prefix="vtep-chromium-"))
        undo.callback(_wait_for_the_end, folder)
        with patch.dict(os.environ, {"TMPDIR": folder}):  # inherited by the driver
            playwright = undo.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=_launcher(Path(folder), netns),
            args=FLAGS,
            env={**environment(dict.fromkeys(_FOLDERS, folder))},
            timeout=LIMIT_MS,
        )
        undo.callback(browser.close)
        expect.set_options(timeout=LIMIT_MS)
        yield browser


def processes(folder: str) -> dict[int, str]:
    """Return the processes that were started with files in `folder`: PID -> command line.

    The environment and the command line are searched, because Chromium's renderers overwrite their
    environment.
    """
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            if folder.encode() in words + (path / "environ").read_bytes():
                found[int(path.name)] = words.replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
    return found


def _launcher(folder: Path, netns: Netns) -> Path:
    """Write a script that starts Chromium in a namespace and keeps the descriptors of the pipes."""
    program = shutil.which("chromium", path=environment()["PATH"])
    if program is None:
        raise LabError("the program chromium is missing: install the package chromium")
    launcher = folder / "chromium"
    inside = shlex.join(["ip", "netns", "exec", netns.name, program])
    launcher.write_text(f'#!/bin/sh\nexec {inside} "$@"\n')
    launcher.chmod(0o755)
    return launcher


def _wait_for_the_end(folder: str) -> None:
    """Wait until all processes have ended; if some do not, kill them and raise LabError."""
    try:
        wait_until(
            lambda: not processes(folder),
            GENEROUS_S,
            what="the end of the browser",
            seen=lambda: processes(folder),
        )
    except LabError:
        for pid in processes(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise
