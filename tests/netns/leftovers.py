"""Find what a lab left behind: processes, recognised by a token, and devices."""

import os
from pathlib import Path

from vtep.lab import wait_until

TOKEN = "LAB_TEST_TOKEN"


def processes_with(token: str) -> list[str]:
    """Return the command lines of the processes that have *token* in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{TOKEN}={token}".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until_none_left(token: str) -> None:
    """Wait for the last of them: a process that is killed with its parent ends a moment later."""
    wait_until(
        lambda: not processes_with(token),
        what="all processes to end",
        seen=lambda: processes_with(token),
    )


def visible_state() -> tuple[list[str], list[str]]:
    """Return the devices and the named namespaces that exist outside the lab."""
    named = Path("/run/netns")
    return sorted(os.listdir("/sys/class/net")), sorted(path.name for path in named.iterdir())
