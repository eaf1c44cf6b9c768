"""What the figures were measured on: the machine and every version that matters."""

import os
import platform
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy

from vtep import __version__
from vtep.lab.command import execute
from vtep.lab.errors import LabError

_ROOT = Path(__file__).resolve().parents[1]


def describe(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Return date, machine and versions; *packages* are Debian's, those not installed are left."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "commit": _commit(),
        "vtep": __version__,
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "load_before": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "iperf3": _first_line(["iperf3", "--version"]),
        "packages": _versions(packages),
    }


def caption(machine: dict[str, Any]) -> str:
    """Return date and machine in a line, for under a title."""
    words = ["date", "cpu", "kernel", "python", "numpy", "commit"]
    said = {word: str(machine.get(word, "?")) for word in words}
    return (
        f"{said['date']}, {machine.get('cores', '?')} cores {said['cpu']}, Linux {said['kernel']}, "
        f"Python {said['python']}, numpy {said['numpy']}, vtep {said['commit']}"
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name from the text of /proc/cpuinfo."""
    found = re.search(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    """Return the commit of the code that is measured, with + when it was changed since."""
    git = ["git", "-C", str(_ROOT)]
    commit = _first_line([*git, "rev-parse", "--short", "HEAD"])
    changed = _first_line([*git, "status", "--porcelain", "--untracked-files=no"])
    return commit + ("+" if changed else "")


def _versions(packages: Iterable[str]) -> dict[str, str]:
    asked = {name: _first_line(["dpkg-query", "-W", "-f", "${Version}", name]) for name in packages}
    return {name: version for name, version in asked.items() if version}


def _first_line(argv: list[str]) -> str:
    try:
        done = execute(argv, check=False)
    except LabError:
        return ""
    return (done.stdout.splitlines() or [""])[0] if done.returncode == 0 else ""
