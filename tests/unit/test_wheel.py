"""The wheel: what it contains, that it runs where it is installed, and its manual and completion.

It is built without a network, by the locked hatchling of the virtual environment of the tests.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from vtep.config.options import OPTIONS

ROOT = Path(__file__).parents[2]
SHARE = "vtep-*.data/data/share"


def pip(*argv: str | Path, **variables: str) -> None:
    environ = os.environ | variables
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--isolated", *map(str, argv)],
        env=environ, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source code."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if name.startswith(("vtep/", "docs/man/")) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built beside an installed package that is named docs, too."""
    other = tmp_path_factory.mktemp("packages")
    (other / "docs").mkdir()
    (other / "docs/__init__.py").touch()
    built = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", built)
    pip("wheel", *options, source, PYTHONPATH=str(other))
    (file,) = built.iterdir()
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the installed wheel: bin, share, lib."""
    prefix = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--ignore-installed", "--prefix", prefix, wheel)
    return prefix


@pytest.mark.parametrize(
    "pattern",
    [
        "vtep/py.typed",
        "vtep/walk/page.css",
        "vtep/control/page/index.html",
        "vtep/control/page/*.css",
        "vtep/control/page/*.js",
        "vtep-*.dist-info/licenses/LICENSE",
        f"{SHARE}/man/man8/vtep.8",
        f"{SHARE}/bash-completion/completions/vtep",
        f"{SHARE}/zsh/site-functions/_vtep",
    ],
)
def test_the_wheel_contains(pattern: str, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if Path(name).match(pattern)]


def test_the_wheel_contains_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top.partition("-")[0] for top in tops} == {"vtep"}


def test_the_build_leaves_no_bytecode_in_the_source_code(source: Path, wheel: Path) -> None:
    assert wheel.exists()
    assert list(source.rglob("__pycache__")) == []


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_metadata_is_complete(wheel: Path) -> None:
    data = metadata(wheel)
    assert data["License-Expression"] == "MIT"
    assert data["Author"]
    assert data["Keywords"]
    assert data["Requires-Python"] == ">=3.11"
    assert any(one.startswith("Development Status") for one in data.get_all("Classifier", []))
    assert data.get_all("Provides-Extra") is None
    required = data.get_all("Requires-Dist", [])
    assert not [one for one in required if one.startswith(("docker", "shtab", "pytest"))]


def test_the_installed_command_runs(installed: Path, tmp_path: Path) -> None:
    (packages,) = installed.glob("lib*/python*/site-packages")
    code = (
        f"import sys; sys.path.insert(0, {str(packages)!r}); sys.argv[1:] = ['--version']\n"
        "import vtep; print(vtep.__file__)\n"
        f"exec(open({str(installed / 'bin/vtep')!r}).read())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    where, version = done.stdout.splitlines()
    assert Path(where).is_relative_to(installed)
    assert version == f"vtep {metadata_version(installed)}"


def metadata_version(installed: Path) -> str:
    (found,) = installed.glob("lib*/python*/site-packages/vtep-*.dist-info")
    return found.name.removeprefix("vtep-").removesuffix(".dist-info")


@pytest.fixture(scope="module")
def manual(installed: Path) -> str:
    """The manual page as man prints it to a wide terminal."""
    page = installed / "share/man/man8/vtep.8"
    done = subprocess.run(
        ["man", "--warnings", "--local-file", str(page)],
        capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "200", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "heading",
    ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "   Underlay", "COMMANDS", "   vtep fdb",
     "FILES", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"],
)  # fmt: skip
def test_the_manual_has_a_section(heading: str, manual: str) -> None:
    assert re.search(rf"^{heading}\b", manual, re.MULTILINE)


def test_the_manual_lists_every_option_of_the_daemon_once(manual: str) -> None:
    options = manual[manual.index("\nOPTIONS") : manual.index("\nCOMMANDS")]
    for option in OPTIONS:
        assert len(re.findall(rf"^ +(-\w, )?{option.flag}\b(?!-)", options, re.MULTILINE)) == 1


def complete(installed: Path, line: str) -> list[str]:
    """Return what bash offers for a command line with the cursor at its end."""
    script = installed / "share/bash-completion/completions/vtep"
    words = line.split(" ")
    code = """
        . "$1"; shift
        function=$(complete -p vtep | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
        "$function" vtep "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", code, "bash", str(script), *words],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("vtep --doc", ["--docker-network"]),
        ("vtep mon", ["monitor"]),
        ("vtep --tap vx0 --vni 100 --bri", ["--bridge"]),
        ("vtep --uplink ", ["socket", "inject", "auto"]),
        ("vtep walk --what-if c", ["checksum"]),
        ("vtep fdb --sta", ["--statistics", "--stats"]),
        ("vtep fdb sh", ["show"]),
        ("vtep show --socket /etc/debian_v", ["/etc/debian_version"]),
        ("vtep --dev l", ["lo"]),
        ("vtep fdb show dev l", ["lo"]),
        ("vtep monitor dr", ["dropped"]),
        ("vtep help cap", ["capture"]),
        ("vtep extcap un", ["uninstall"]),
    ],
)
def test_bash_completes(line: str, offered: list[str], installed: Path) -> None:
    assert complete(installed, line) == offered


def test_the_completion_for_zsh_is_for_vtep_and_has_every_option(installed: Path) -> None:
    text = (installed / "share/zsh/site-functions/_vtep").read_text()
    assert text.startswith("#compdef vtep\n")
    for option in OPTIONS:
        assert any(option.flag + end in text for end in "[,}"), option.flag
