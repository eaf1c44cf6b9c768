"""Errors of vtep about Docker networks, with a real engine."""

import subprocess

import pytest

from tests.docker.engines import SOCKET, Engine
from tests.docker.segment import NETWORK, Site, segment
from tests.docker.tunnels import DEVICE, command
from vtep.lab.command import execute
from vtep.lab.process import tied_to_parent

pytestmark = pytest.mark.docker

Engines = tuple[Engine, Engine]


def test_a_misspelt_network_is_refused_with_the_similar_name(engines: Engines) -> None:
    with segment(engines) as (first, second):
        done = _start(first, *command(second, network="vxlan-nett"))
        assert "vxlan-nett" in done.stderr
        assert NETWORK in done.stderr.replace("vxlan-nett", "")
        assert _is_refused_in_one_line(done, first)


def test_a_stopped_docker_is_named_by_its_missing_socket(engines: Engines) -> None:
    with segment(engines) as (first, second):
        first.engine.run("mv", SOCKET, f"{SOCKET}.away")
        try:
            done = _start(first, *command(second))
        finally:
            first.engine.run("mv", f"{SOCKET}.away", SOCKET)
        assert "docker.sock" in done.stderr
        assert _is_refused_in_one_line(done, first)


def test_docker_host_selects_the_engine(engines: Engines) -> None:
    with segment(engines) as (first, second):
        done = _start(first, "env", "DOCKER_HOST=unix:///run/no-such.sock", *command(second))
        assert "/run/no-such.sock" in done.stderr
        assert _is_refused_in_one_line(done, first)


def _start(site: Site, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the site's host that should fail by itself."""
    return execute(tied_to_parent(site.engine.inside(*argv)), check=False)


def _is_refused_in_one_line(done: subprocess.CompletedProcess[str], site: Site) -> bool:
    """Tell whether it ended with a usage error and left no device behind."""
    line = done.stderr.removesuffix("\n")
    assert line.startswith("vtep: error: ")
    assert "\n" not in line
    return done.returncode == 2 and site.device(DEVICE) is None
