"""Run a test in its own network and mount namespaces, in a forked child process."""

import ctypes
import functools
import os
import select
import signal
import subprocess
import time
import traceback
import warnings
from collections.abc import Callable
from typing import ParamSpec

import pytest

P = ParamSpec("P")

LIMIT_S = 60.0
_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def in_private_namespaces(test: Callable[P, None]) -> Callable[P, None]:
    """Run *test* in new network and mount namespaces, with lo up; needs root."""

    @pytest.mark.netns
    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs root: unshare(CLONE_NEWNET) is not permitted")
        report, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
            pid = os.fork()
        if pid == 0:
            _run_child(write, functools.partial(test, *args, **kwargs))
        os.close(write)
        trouble = _read_all(report, pid)
        _, status = os.waitpid(pid, 0)
        if status or trouble:
            pytest.fail(trouble or f"the child ended with status {status}", pytrace=False)

    return run


def sh(command: str) -> str:
    """Run one command line and return its output."""
    done = subprocess.run(command.split(), check=True, capture_output=True, text=True)
    return done.stdout


def _run_child(write: int, test: Callable[[], None]) -> None:
    code = 1
    try:
        if _libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare")
        mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE)
        sh("ip link set lo up")
        test()
        code = 0
    except BaseException:
        os.write(write, traceback.format_exc()[-30_000:].encode())
    finally:
        os._exit(code)


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int = 0) -> None:
    """Call mount(2)."""
    if _libc.mount(source, target, kind, flags, None):
        raise OSError(ctypes.get_errno(), f"mount {target!r}")


def _read_all(fd: int, pid: int) -> str:
    """Return everything from *fd*; kill the child after LIMIT_S seconds."""
    deadline = time.monotonic() + LIMIT_S
    parts = []
    while True:
        readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            os.kill(pid, signal.SIGKILL)
            parts.append(f"not done after {LIMIT_S:g} s".encode())
            break
        part = os.read(fd, 65536)
        if not part:
            break
        parts.append(part)
    os.close(fd)
    return b"".join(parts).decode(errors="replace")
