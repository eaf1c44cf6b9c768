"""What a lab may have left behind: its processes, known by a token, and its devices."""

import os
from pathlib import Path

from vtep.lab import wait_until

TOKEN = "LAB_TEST_TOKEN"


def bearers(token: str) -> list[str]:
    """Return the processes, by command line, that were started by the demo of that token."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{TOKEN}={token}".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def none_left(token: str) -> None:
    """Wait for the last ones: who dies with its parent is dead only moments later."""
    wait_until(lambda: not bearers(token), what="all to end", seen=lambda: bearers(token))


def surroundings() -> tuple[list[str], list[str]]:
    """Return the devices and the named namespaces that are seen from outside of the demo."""
    named = Path("/run/netns")
    return sorted(os.listdir("/sys/class/net")), sorted(path.name for path in named.iterdir())
