"""Two Docker engines for the whole session; each test creates its own networks and tunnels."""

import os
from collections.abc import Iterator

import pytest

from tests.docker.docker_parts import PartsError, default_cache, fetch
from tests.docker.engines import Engine, two_engines


@pytest.fixture(scope="session")
def engines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Engine]]:
    """Two connected hosts with a real Docker engine each."""
    if os.geteuid() != 0:
        pytest.skip("two Docker engines need root")
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    try:
        parts = fetch(default_cache(), lambda line: reporter.write_line(f"\n{line}"))
    except PartsError as error:
        pytest.skip(f"the Docker engine is not available: {error}")
    with two_engines(parts, tmp_path_factory.mktemp("engines")) as both:
        yield both


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove variables that would configure vtep or the Docker client."""
    for name in list(os.environ):
        if name.startswith(("VTEP_", "DOCKER_")):
            monkeypatch.delenv(name)


@pytest.fixture(params=["offload", "wire"])
def underlay(request: pytest.FixtureRequest, engines: tuple[Engine, Engine]) -> Iterator[None]:
    """Both kinds of underlay: a veth with offloads, and one that carries only finished packets.

    With offloads, a veth carries GSO frames and partial checksums of the kernel's vxlan.
    """
    if request.param == "offload":
        yield
        return
    for host in engines:
        host.run("ethtool", "-K", "eth0", "tx", "off")
    yield
    for host in engines:
        host.run("ethtool", "-K", "eth0", "tx", "on")
