"""The sections of docs/docker.md, run word for word with two real engines."""

import re

import pytest

from tests.consoles import ROOT
from tests.docker.engines import Engine
from tests.docker.segment import GATEWAY, Site
from tests.docker.transfer import carries
from tests.docker.walkthrough import Step, Walkthrough, is_daemon, steps
from vtep.lab.command import execute
from vtep.lab.process import tied_to_parent

pytestmark = pytest.mark.docker

Engines = tuple[Engine, Engine]

PAGE = ROOT / "docs" / "docker.md"
SHORTEST = steps(PAGE, "The shortest form")
CONTAINERS = [step for step in SHORTEST if not is_daemon(step)]


def test_the_shortest_form_works_with_its_three_caveats(engines: Engines) -> None:
    with Walkthrough(engines) as page:
        page.run(*SHORTEST)
        first, second = _sites(page)
        assert (first.address, second.address) == ("172.18.0.11", "172.18.0.12")
        first.reach(second.address)
        assert first.mtu() == second.mtu() == 1500
        assert carries(first, second)
        assert not first.ping_unfragmented(second.address, 1500)
        for daemon in page.daemons.values():
            assert "mtu=1450" in _only_warning(daemon.stderr)
        assert first.owners(GATEWAY) == {_bridge_mac(first), _bridge_mac(second)}
        for engine, name in zip(engines, ("d1", "d2"), strict=True):
            without_ip = f"docker run -d --net vxlan-net --name {name} busybox sleep 3600"
            execute(tied_to_parent(engine.shell(without_ip)))
        same = {page.site("10.0.1.4", "d1").address, page.site("10.0.1.41", "d2").address}
        assert same == {"172.18.0.2"}


def test_the_kernels_vxlan_at_one_end_connects_the_containers(engines: Engines) -> None:
    with Walkthrough(engines) as page:
        page.run(*CONTAINERS, *_daemon_on("10.0.1.4", SHORTEST))
        page.run(*steps(PAGE, "The kernel's vxlan at one end"))
        first, second = _sites(page)
        first.reach(second.address)
        assert second.ping(first.address)
        device = second.device("vx0")
        assert device is not None
        assert device["mtu"] == 1450


def test_more_hosts_are_peers_of_each_other_and_one_may_be_down(engines: Engines) -> None:
    commands = steps(PAGE, "More than two hosts")
    hosts = {step.place for step in commands}
    assert hosts == {"10.0.1.4", "10.0.1.41", "10.0.1.42"}
    for step in commands:
        assert set(re.findall(r"--peer (\S+)", step.command)) == hosts - {step.place}
    with Walkthrough(engines) as page:
        page.run(*CONTAINERS, *commands)
        assert set(page.daemons) == {"10.0.1.4", "10.0.1.41"}, "nothing runs at 10.0.1.42"
        first, second = _sites(page)
        first.reach(second.address)
        second.reach(first.address)


def _sites(page: Walkthrough) -> tuple[Site, Site]:
    return page.site("10.0.1.4", "c1"), page.site("10.0.1.41", "c2")


def _daemon_on(place: str, commands: list[Step]) -> list[Step]:
    return [step for step in commands if is_daemon(step) and step.place == place]


def _bridge_mac(site: Site) -> object:
    device = site.device(site.bridge)
    assert device is not None
    return device["address"]


def _only_warning(log: str) -> str:
    (line,) = [line for line in log.splitlines() if line.startswith("WARNING")]
    return line
