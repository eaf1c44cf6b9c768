"""`make install`: what it refuses, and that a failure or a signal leaves everything as it was.

A script stands for Python and pip, which would need a network: tests/install runs the real ones.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.consoles import ROOT

PYTHON = """#!/bin/sh
# Creates what `python -m venv` and pip create.
set -e
for last; do :; done
case $* in
    *ensurepip*) echo suitable;;
    *"-m venv"*) mkdir -p $last/bin; cp $0 $last/bin/python; echo "$last" >$last/pyvenv.cfg;;
    *pip*--python*) cd ${5%/bin/python}; [ ! "$FAILS" ] || exit 1
        for link in bin/vtep share/man/man8/vtep.8 share/bash-completion/completions/vtep \
            share/zsh/site-functions/_vtep
        do mkdir -p ${link%/*}; echo "#!$PWD/bin/python" >$link; done
        echo "$VERSION" >version;;
esac
"""


class Host:
    """A directory for PREFIX, and the programs that an installation calls."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "prefix"
        self.programs = folder / "programs"
        self.home = self.prefix / "lib/vtep"
        self.command = self.prefix / "bin/vtep"
        self.script = ROOT / ".ci/install"
        self.prefix.mkdir()
        self.programs.mkdir()
        self.program("python", PYTHON)

    def program(self, name: str, text: str) -> None:
        """Put a script in front of the PATH."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def install(self, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PREFIX": str(self.prefix),
            "PYTHON": str(self.programs / "python"),
        }
        return subprocess.run(
            [self.script, *argv],
            env=environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def refuses(self, *words: str, **variables: str) -> None:
        """Check that the installation ends in one line with `words`, and changes nothing."""
        before = self.files()
        done = self.install(**variables)
        assert done.returncode == 2, done
        (line,) = done.stderr.splitlines()
        for word in words:
            assert word in line
        assert self.files() == before

    def files(self) -> dict[str, str]:
        """Return what is below PREFIX: targets of links, texts of files."""
        return {
            str(path.relative_to(self.prefix)): (
                str(path.readlink())
                if path.is_symlink()
                else ""
                if path.is_dir()
                else path.read_text()
            )
            for path in self.prefix.rglob("*")
        }


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def installed(host: Host) -> Host:
    """A host with version 1."""
    done = host.install(VERSION="1")
    assert done.returncode == 0, done
    return host


def test_links_lead_to_the_installed_files(installed: Host) -> None:
    for link in ("bin/vtep", "share/man/man8/vtep.8", "share/zsh/site-functions/_vtep"):
        assert (installed.prefix / link).resolve() == installed.home / link
    assert installed.command.read_text() == f"#!{installed.home}/bin/python\n"


def test_an_upgrade_replaces_the_files(installed: Host) -> None:
    before = installed.files()
    assert installed.install(VERSION="2").returncode == 0
    assert installed.files() == before | {"lib/vtep/version": "2\n"}


@pytest.mark.parametrize("leftover", ["vtep", "vtep.new", "vtep.old"])
def test_a_directory_of_others_is_refused(leftover: str, host: Host) -> None:
    file = host.prefix / "lib" / leftover / "README.md"
    file.parent.mkdir(parents=True)
    file.write_text("a clone")
    host.refuses(str(file.parent), "move it away")
    assert host.install("--remove").returncode == 2
    assert file.read_text() == "a clone"


def test_an_environment_of_others_is_refused(installed: Host) -> None:
    (installed.home / ".installed-by-vtep").unlink()
    installed.refuses(str(installed.home), "move it away")
    before = installed.files()
    assert installed.install("--remove").returncode == 2
    assert installed.files() == before


def test_source_code_in_the_environment_is_not_removed(installed: Host) -> None:
    source = installed.home / "src"
    shutil.copytree(ROOT / ".ci", source / ".ci")
    installed.script = source / ".ci/install"
    for argv in ([], ["--remove"]):
        done = installed.install(*argv)
        assert done.returncode == 2, done
        assert "source code" in done.stderr
        assert source.exists()


@pytest.mark.parametrize("target", ["/bin/sh", "/nonexistent"])
def test_a_link_of_others_is_refused(target: str, host: Host) -> None:
    host.command.parent.mkdir()
    host.command.symlink_to(target)
    host.refuses(str(host.command), "remove it first")


def test_uninstall_removes_everything_but_files_of_others(installed: Host) -> None:
    (installed.prefix / "share/man/man8/other.8").touch()
    assert installed.install("--remove").returncode == 0
    assert {path for path in installed.files() if "." in path} == {"share/man/man8/other.8"}
    assert not installed.home.exists()
    assert not installed.command.is_symlink()


def test_uninstall_without_an_installation_fails_and_creates_nothing(host: Host) -> None:
    done = host.install("--remove")
    assert done.returncode == 1
    assert "nothing to remove" in done.stderr
    assert host.files() == {}


def test_make_passes_the_paths_on(tmp_path: Path) -> None:
    paths = {"DESTDIR": str(tmp_path / "root"), "PREFIX": "/usr"}
    done = subprocess.run(
        ["make", "-C", ROOT, "uninstall", *map("=".join, paths.items())],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert f"nothing to remove in {tmp_path}/root/usr\n" in done.stderr


@pytest.mark.parametrize("path", ["relative", "/tmp/two words", "/tmp/a|b", "/tmp/a&b", "/tmp/a'"])
@pytest.mark.parametrize("name", ["PREFIX", "DESTDIR"])
def test_a_path_that_scripts_cannot_contain_is_refused(name: str, path: str, host: Host) -> None:
    host.refuses(f"{name}={path}", **{name: path})


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/true"])
def test_an_unsuitable_python_is_refused(python: str, host: Host) -> None:
    host.refuses(f"PYTHON={python}", "choose another one", PYTHON=python)


def test_two_installations_do_not_run_together(installed: Host) -> None:
    lib = os.open(installed.home.parent, os.O_RDONLY)
    try:
        fcntl.flock(lib, fcntl.LOCK_EX)
        installed.refuses(str(installed.home.parent), "wait")
    finally:
        os.close(lib)


MOVED = 'case $2 in *.new) kill -TERM $PPID;; esac; exec /bin/mv "$@"'
INTERRUPTIONS = {
    "pip": ("pip", ""),
    "before the new one is in place": ("mv", MOVED.replace(";; esac", "; exit;; esac")),
    "after it is in place": ("mv", MOVED),
    "between the links": ("ln", 'kill -TERM $PPID; exec /bin/ln "$@"'),
}


@pytest.mark.parametrize("moment", INTERRUPTIONS)
@pytest.mark.parametrize("upgrade", [True, False])
def test_a_failure_changes_nothing(moment: str, upgrade: bool, host: Host) -> None:
    if upgrade:
        host.install(VERSION="1")
    before = host.files()
    name, text = INTERRUPTIONS[moment]
    host.program(name, f"#!/bin/sh\n{text}\n")
    done = host.install(VERSION="2", FAILS="yes" if name == "pip" else "")
    assert done.returncode != 0
    assert host.files() == before


def test_an_incomplete_environment_of_a_killed_installation_is_replaced(host: Host) -> None:
    left = host.prefix / "lib" / "vtep.new"
    left.mkdir(parents=True)
    (left / ".installed-by-vtep").touch()
    assert host.install().returncode == 0
    assert not left.exists()


def test_the_environment_of_a_killed_installation_returns(installed: Host) -> None:
    before = installed.files()
    installed.home.rename(f"{installed.home}.old")
    assert installed.install(FAILS="yes").returncode != 0
    assert installed.files() == before
