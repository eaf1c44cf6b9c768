"""The tutorial of README.md, run word for word with two real engines."""

import re
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.consoles import ROOT
from tests.docker.engines import Engine
from tests.docker.segment import Site
from tests.docker.transfer import carries, delivers
from tests.docker.walkthrough import Walkthrough, is_daemon, steps
from vtep.lab import is_vxlan

pytestmark = pytest.mark.docker

TUTORIAL = steps(ROOT / "README.md", "Docker containers on two hosts")
GATEWAYS = {"10.0.1.4": "172.18.1.1", "10.0.1.41": "172.18.2.1"}


class Segment(NamedTuple):
    """What the tutorial has built."""

    first: Site
    second: Site
    log: str


@pytest.fixture(scope="module")
def built(engines: tuple[Engine, Engine]) -> Iterator[Segment]:
    """Run the whole tutorial; check on the way what it says about the containers."""
    start = next(at for at, step in enumerate(TUTORIAL) if is_daemon(step))
    with Walkthrough(engines) as tutorial:
        tutorial.run(*TUTORIAL[:start])
        first, second = tutorial.site("10.0.1.4", "c1"), tutorial.site("10.0.1.41", "c2")
        assert tutorial.output["docker exec c2 hostname -i"].strip() == second.address
        assert all(site.ping(GATEWAYS[site.engine.address]) for site in (first, second))
        assert not first.ping(second.address)
        assert not second.ping(first.address)
        routes = [site.routes() for site in (first, second)]
        tutorial.run(*TUTORIAL[start:])
        assert [site.routes() for site in (first, second)] == routes
        assert " 0% packet loss" in tutorial.output[TUTORIAL[-1].command]
        yield Segment(first, second, tutorial.daemons["10.0.1.4"].stderr)
        assert tutorial.daemons["10.0.1.41"].stop() == 0
        assert not first.ping(second.address)


def test_both_containers_reach_each_other_by_address(built: Segment) -> None:
    assert TUTORIAL[-1].command.endswith(f" {built.second.address}")
    assert built.first.ping(built.second.address)
    assert built.second.ping(built.first.address)


def test_addresses_and_macs_are_those_of_the_host(built: Segment) -> None:
    for site, part in ((built.first, "172.18.1."), (built.second, "172.18.2.")):
        assert site.address.startswith(part)
        assert site.inside("hostname", "-i").strip() == site.address
    assert built.first.mac() != built.second.mac()


def test_the_mtu_is_1450_and_packets_of_that_length_pass(built: Segment) -> None:
    first, second = built.first, built.second
    assert first.mtu() == second.mtu() == 1450
    for source, target in ((first, second), (second, first)):
        assert source.ping_unfragmented(target.address, 1450)
        assert not source.ping_unfragmented(target.address, 1451)
        assert delivers(source, target, 1450 - 28)
        assert delivers(source, target, 8000)


def test_tcp_arrives_intact_in_both_directions(built: Segment) -> None:
    assert carries(built.first, built.second)
    assert carries(built.second, built.first)


def test_each_host_answers_for_its_own_gateway_only(built: Segment) -> None:
    for site in (built.first, built.second):
        gateway = GATEWAYS[site.engine.address]
        assert re.findall(r"default via (\S+)", site.inside("ip", "route")) == [gateway]
        bridge = site.device(site.bridge)
        assert bridge is not None
        assert site.owners(gateway) == {bridge["address"]}
    other = built.second.device(built.second.bridge)
    assert other is not None
    assert built.first.owners("172.18.2.1") == {other["address"]}, "the segment is joined"


def test_traffic_that_leaves_the_segment_leaves_through_its_own_host(built: Segment) -> None:
    for site, peer in ((built.first, built.second), (built.second, built.first)):
        with site.engine.capture(match=lambda frame: True) as capture:
            assert site.ping(peer.engine.address)
            frames = capture.frames()
        asked = socket.inet_aton(site.engine.address) + socket.inet_aton(peer.engine.address)
        echo_requests = [f for f in frames if f[23] == socket.IPPROTO_ICMP and f[34] == 8]
        assert [frame[26:34] for frame in echo_requests] == [asked], "masqueraded by its host"
        outside = socket.inet_aton(peer.engine.address)
        assert not [f for f in frames if is_vxlan(f) and f[80:84] == outside]


def test_names_resolve_on_their_own_host_only(built: Segment) -> None:
    ask = ("timeout", "1", "nslookup")  # Docker passes unknown names to a server outside
    assert built.first.address in built.first.inside(*ask, "c1")
    assert built.second.address not in built.first.inside(*ask, "c2")


def test_vtep_has_nothing_to_warn_of(built: Segment) -> None:
    assert "WARNING" not in built.log
