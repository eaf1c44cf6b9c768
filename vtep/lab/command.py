"""Running a program to its end: bounded, its failure told in its own words."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vtep.lab.errors import LabError

_SYSTEM_PATHS = (
    "/usr/sbin",
    "/sbin",
)  # where ip, bridge and ethtool stand, not in every user's PATH

_PACKAGES = {
    "bridge": "iproute2",
    "ip": "iproute2",
    "mount": "mount",
    "ping": "iputils-ping",
    "setpriv": "util-linux",
    "tee": "coreutils",
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, with the system's programs and this very vtep in reach.

    PYTHONPATH begins with the directory that holds the vtep package, so that `python -m vtep` in
    a namespace is the code under test from whatever directory the lab was started.
    """
    # What steers a vtep of the caller's must not reach those of the lab.
    merged = {name: value for name, value in os.environ.items() if not name.startswith("VTEP_")}
    merged["PATH"] = os.pathsep.join([merged.get("PATH", os.defpath), *_SYSTEM_PATHS])
    package_parent = str(Path(__file__).resolve().parents[2])
    python_path = merged.get("PYTHONPATH", "")
    merged["PYTHONPATH"] = os.pathsep.join(part for part in (package_parent, python_path) if part)
    merged["LC_ALL"] = "C.UTF-8"  # the outputs that are parsed here are the English ones
    merged.update(extra or {})
    return merged


def missing(program: str) -> LabError:
    """Return the error that says which package brings `program`."""
    package = _PACKAGES.get(program, program)
    return LabError(f"the program {program} is missing: install the package {package}")


def execute(
    argv: Sequence[str], *, check: bool = True, timeout: float = 10.0, text_in: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end, with `text_in` on its standard input, and return its text output.

    Raises LabError when it takes longer than `timeout` seconds (it is killed), when the program
    is missing, and, with `check`, when it exits with anything but 0.
    """
    shown = shlex.join(argv)
    try:
        done = subprocess.run(
            argv,
            input="" if text_in is None else text_in,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(),
        )
    except FileNotFoundError:
        raise missing(argv[0]) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"not done after {timeout:g} s: {shown}") from None
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise LabError(f"exit code {done.returncode}: {shown}: {said}")
    return done
