"""Description of the machine and of the versions used."""

import os
import platform
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy

from vtep import __version__
from vtep.lab.command import execute
from vtep.lab.errors import LabError

_ROOT = Path(__file__).resolve().parents[1]


def describe(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Return date, machine and versions, with those of the *packages* (Debian) installed."""
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
        "ping": _first_line(["ping", "-V"]),
        "packages": _versions(packages),
    }


def caption(machine: dict[str, Any], options: dict[str, Any], kind: str) -> str:
    """Return date, machine, versions, and number and length of the runs of a kind, as a line."""
    keys = ["date", "cores", "cpu", "kernel", "python", "numpy", "commit"]
    text = {key: str(machine.get(key, "?")) for key in keys}
    return (
        f"{text['date']}, {text['cores']} cores {text['cpu']}, Linux {text['kernel']}, "
        f"Python {text['python']}, numpy {text['numpy']}, vtep {text['commit']}"
        + "".join(f", {one}" for one in _lengths(options, kind))
    )


def _lengths(options: dict[str, Any], kind: str) -> Iterator[str]:
    """Yield "5 rounds", "10 s a run"; seconds are a number, or numbers by kind.

    Round trips last until there are enough pings, whatever the seconds.
    """
    if rounds := options.get("rounds"):
        yield f"{rounds} round{'' if rounds == 1 else 's'}"
    seconds = options.get("seconds")
    if isinstance(seconds, dict):
        seconds = seconds.get(kind)
    if seconds and kind != "rtt":
        yield f"{seconds} s a {'trial' if kind == 'ndr' else 'run'}"


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name from the text of /proc/cpuinfo."""
    found = re.search(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    """Return the commit of the measured code, followed by + if files differ from it."""
    git = ["git", "-C", str(_ROOT)]
    commit = _first_line([*git, "rev-parse", "--short", "HEAD"])
    changed = _first_line([*git, "status", "--porcelain", "--untracked-files=no"])
    return commit + ("+" if changed else "")


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {name: _first_line(["dpkg-query", "-W", "-f", "${Version}", name]) for name in packages}
    return {name: version for name, version in found.items() if version}


def _first_line(argv: list[str]) -> str:
    try:
        done = execute(argv, check=False)
    except LabError:
        return ""
    return (done.stdout.splitlines() or [""])[0] if done.returncode == 0 else ""
