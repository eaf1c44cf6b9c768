"""The lock files in .ci/lock fit pyproject.toml, on every supported Python and processor."""

import re
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / ".ci" / "lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]

DIRECT = {
    **GROUPS,
    "runtime": PROJECT["project"]["dependencies"],
    "build": GROUPS["build"] + PROJECT["build-system"]["requires"],
}
"""What each lock file must contain."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
TARGETS = tuple(product(PYTHONS, MACHINES))


def pins(name: str) -> Iterator[tuple[Requirement, int]]:
    """Yield the requirements of a lock file, each with the number of its hashes."""
    text = (LOCK / f"{name}.txt").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = line.split("--hash=")
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes)
            yield Requirement(requirement), len(hashes)


def environment(python: str, machine: str) -> dict[str, str]:
    return {
        **default_environment(),  # type: ignore[dict-item]
        "python_version": python,
        "python_full_version": f"{python}.1",
        "platform_machine": machine,
    }


def locked(name: str, target: dict[str, str]) -> dict[str, str]:
    """Return the version of each package that a lock file installs in an environment."""
    found: dict[str, str] = {}
    for pin, _ in pins(name):
        if pin.marker is None or pin.marker.evaluate(target):
            package = canonicalize_name(pin.name)
            assert package not in found, f"{package} has two versions in {name}.txt"
            (version,) = pin.specifier
            assert version.operator == "=="
            found[package] = version.version
    return found


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize(("python", "machine"), TARGETS)
def test_every_requirement_has_a_locked_version(name: str, python: str, machine: str) -> None:
    target = environment(python, machine)
    versions = locked(name, target)
    for requirement in map(Requirement, DIRECT[name]):
        if requirement.marker is None or requirement.marker.evaluate(target):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{name}.txt has no {requirement.name}: run make lock"
            assert version in requirement.specifier, f"{requirement}: run make lock"


@pytest.mark.parametrize(("python", "machine"), TARGETS)
def test_a_package_has_one_version_in_all_files(python: str, machine: str) -> None:
    versions: dict[str, str] = {}
    for name in DIRECT:
        for package, version in locked(name, environment(python, machine)).items():
            assert versions.setdefault(package, version) == version, package


@pytest.mark.parametrize("name", DIRECT)
def test_every_package_has_hashes_and_no_file_names_a_registry(name: str) -> None:
    assert all(count > 0 for _, count in pins(name))
    assert "://" not in (LOCK / f"{name}.txt").read_text()


def test_no_other_lock_file_exists() -> None:
    assert {path.stem for path in LOCK.iterdir()} == set(DIRECT)
