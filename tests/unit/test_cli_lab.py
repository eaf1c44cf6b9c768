"""`vtep demo` and `vtep lab` where they cannot run: one line with the remedy."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from vtep.lab.command import environment

ROOT = Path(__file__).parents[2]
IPROUTE2 = ("ip", "bridge")
INSTALLED = (*IPROUTE2, "mount", "setpriv", "tee", "sh", "ping")


def run(*words: str, path: Path, programs: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that finds these programs in *path*, and others only in a real /usr/sbin."""
    for name in programs:
        (path / name).write_text("#!/bin/sh\n")
        (path / name).chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "vtep", *words],
        env={"PATH": str(path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["demo"], "iperf3: not found; run apt-get install iperf3"),
        (["lab"], "unshare: not found; run apt-get install util-linux"),
    ],
)
def test_a_missing_program_is_named_with_its_package(
    words: list[str], error: str, tmp_path: Path
) -> None:
    done = run(*words, path=tmp_path, programs=INSTALLED)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"vtep: error: {error}\n")


def test_all_missing_programs_are_named_at_once(tmp_path: Path) -> None:
    said = run("lab", "--wire", path=tmp_path, programs=IPROUTE2).stderr
    assert said.startswith("vtep: error: ")
    assert said.count("\n") == 1
    for name in ("mount", "setpriv", "tee", "ping", "unshare"):
        assert f" {name}," in said or f" {name}:" in said, said
    assert said.rstrip().endswith("apt-get install mount util-linux coreutils iputils-ping")


def test_a_link_to_usr_bin_is_not_searched_again() -> None:
    searched = environment()["PATH"].removeprefix(os.environ.get("PATH", os.defpath))
    for path in ("/usr/sbin", "/sbin"):
        assert (path in searched.split(os.pathsep)) == (not os.path.islink(path)), path


def test_a_user_without_namespaces_is_told_to_be_root() -> None:
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces"  # of a user namespace of our own
    done = subprocess.run(
        [
            *["unshare", "--user", "--keep-caps", "sh", "-c", f'{forbid}; exec "$@"', "sh"],
            *[sys.executable, "-m", "vtep", "lab", "-c", "true"],
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vtep: error: user namespace: not root, and refused (")
    assert done.stderr.endswith("); run as root\n")
