"""Run a program to its end, with a timeout; errors contain the program's own output."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vtep.lab.errors import LabError
from vtep.lab.wait import GENEROUS_S

_SYSTEM_PATHS = [path for path in ("/usr/sbin", "/sbin") if not os.path.islink(path)]
"""Directories of ip, bridge and ethtool that are not in every user's PATH.

A link leads to the other one or to /usr/bin.
"""

_PACKAGES = {
    "bridge": "iproute2",
    "ip": "iproute2",
    "mount": "mount",
    "ping": "iputils-ping",
    "setpriv": "util-linux",
    "tee": "coreutils",
    "unshare": "util-linux",
}
"""Packages of Debian that have another name than their program."""
_ALWAYS = ("ip", "bridge", "mount", "setpriv", "tee")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, adapted for programs in the lab.

    PATH includes the system directories. PYTHONPATH begins with the directory of this vtep package,
    so `python -m vtep` runs the same code from any working directory. `extra` is added last.
    """
    # The caller's VTEP_* variables must not configure the VTEPs of the lab.
    merged = {name: value for name, value in os.environ.items() if not name.startswith("VTEP_")}
    merged["PATH"] = os.pathsep.join([merged.get("PATH", os.defpath), *_SYSTEM_PATHS])
    package_parent = str(Path(__file__).resolve().parents[2])
    python_path = merged.get("PYTHONPATH", "")
    merged["PYTHONPATH"] = os.pathsep.join(part for part in (package_parent, python_path) if part)
    merged["LC_ALL"] = "C.UTF-8"  # the lab parses English output
    merged.update(extra or {})
    return merged


def require(*programs: str) -> None:
    """Check that these programs, and those of every lab, are installed.

    Raises:
        LabError: names all that are missing, and their Debian packages.
    """
    path = environment()["PATH"]
    absent = [one for one in (*_ALWAYS, *programs) if shutil.which(one, path=path) is None]
    if absent:
        raise missing(*absent)


def missing(*programs: str) -> LabError:
    """Return the error that names the Debian packages of `programs`."""
    packages = " ".join(dict.fromkeys(_PACKAGES.get(program, program) for program in programs))
    return LabError(f"{', '.join(programs)}: not found; run apt-get install {packages}")


def execute(
    argv: Sequence[str],
    *,
    check: bool = True,
    timeout: float = GENEROUS_S,
    text_in: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end, with `text_in` as standard input, and return its text output.

    It runs in its own session, so Ctrl-C reaches only us, and we end it.

    Raises:
        LabError: the program is missing, runs longer than `timeout` seconds (then it is killed),
            or, with `check`, exits with a code other than 0.
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
            start_new_session=True,
        )
    except FileNotFoundError:
        raise missing(argv[0]) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{shown}: not finished after {timeout:g} s") from None
    if check and done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise LabError(f"{shown}: exit code {done.returncode}: {output}")
    return done
