"""The files in docs/examples are valid and match their names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vtep.config.load import load

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.toml"))
NAMES = {
    "docker",
    "ipv6-underlay",
    "jumbo",
    "three-hosts",
    "two-hosts",
    "two-overlays",
    "vlan-trunk",
}


def test_every_example_exists() -> None:
    assert {path.stem for path in EXAMPLES} == NAMES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_passes_the_check(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vtep", "check", "-c", path],
        env={name: value for name, value in os.environ.items() if not name.startswith("VTEP_")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *overlays, last = done.stdout.splitlines()
    assert last == "ok"
    assert len(overlays) == path.read_text().count("\n[[overlay]]")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_starts_with_an_explanation(path: Path) -> None:
    lines = path.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("["))
    assert len([line for line in lines[:first] if line.startswith("# ")]) >= 3
    assert max(map(len, lines)) <= 100


def test_the_examples_match_their_names() -> None:
    configs = {path.stem: load(path) for path in EXAMPLES}
    overlays = {name: config.overlays for name, config in configs.items()}
    assert len(overlays["two-hosts"][0].peers) == 1
    assert len(overlays["three-hosts"][0].peers) == 2
    assert [one.vni for one in overlays["two-overlays"]] == [100, 200]
    trunk = [one for one in overlays["vlan-trunk"] if one.tap == "trunk0"]
    assert [(one.vlan, one.vni) for one in trunk] == [(10, 100), (20, 200)]
    assert overlays["docker"][0].docker_network == "vxlan-net"
    assert all(":" in peer for peer in overlays["ipv6-underlay"][0].peers)
    assert configs["jumbo"].underlay.mtu == 9001
