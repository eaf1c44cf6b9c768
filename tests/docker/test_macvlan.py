"""Docker's macvlan driver on a persistent TAP: docs/docker.md word for word, with two engines."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.consoles import ROOT
from tests.docker.engines import Engine
from tests.docker.segment import Site
from tests.docker.transfer import Transfer, carries, delivers
from tests.docker.tunnels import DEVICE
from tests.docker.walkthrough import Walkthrough, steps
from vtep.lab import wait_until
from vtep.lab.command import execute
from vtep.lab.process import tied_to_parent

pytestmark = pytest.mark.docker

*SECTION, SECOND_NETWORK = steps(ROOT / "docs" / "docker.md", "Docker's macvlan driver on a TAP")
MEGABYTE = 1_000_000


class Segment(NamedTuple):
    """What the section has built."""

    page: Walkthrough
    first: Site
    second: Site


@pytest.fixture(scope="module")
def built(engines: tuple[Engine, Engine]) -> Iterator[Segment]:
    """Run the section up to its ping."""
    with Walkthrough(engines) as page:
        page.run(*SECTION)
        assert " 0% packet loss" in page.output[SECTION[-1].command]
        yield Segment(page, page.site("10.0.1.4", "c1"), page.site("10.0.1.41", "c2"))


def test_both_containers_reach_each_other(built: Segment) -> None:
    _, first, second = built
    assert SECTION[-1].command.endswith(f" {second.address}")
    assert first.address.startswith("172.18.1.")
    assert first.ping(second.address)
    assert second.ping(first.address)


def test_vtep_uses_the_persistent_tap_with_its_offloads(built: Segment) -> None:
    page, first, second = built
    for site in (first, second):
        assert "offloads: tap tso4 tso6" in page.daemons[site.engine.address].stderr
        shown = site.engine.run("ip", "-details", "link", "show", DEVICE)
        assert "vnet_hdr on persist on" in shown


def test_the_mtu_is_that_of_the_tap(built: Segment) -> None:
    _, first, second = built
    assert first.mtu() == second.mtu() == 1450
    assert first.ping_unfragmented(second.address, 1450)
    assert not first.ping_unfragmented(second.address, 1451)
    assert delivers(first, second, 1450 - 28)
    assert delivers(second, first, 8000)


def test_tcp_arrives_intact_in_both_directions(built: Segment) -> None:
    _, first, second = built
    assert carries(first, second)
    assert carries(second, first)


def test_a_transfer_survives_a_restart_of_vtep(built: Segment) -> None:
    page, first, second = built
    before = second.inside("ip", "link", "show", "eth0").split(":")[0]
    with Transfer(first, second, 20 * MEGABYTE, hold_at=MEGABYTE) as transfer:
        assert transfer.holding.wait(20)
        page.restart("10.0.1.41", SECTION)
        transfer.go_on.set()
        assert transfer.arrives_intact()
    first.reach(second.address)
    second.reach(first.address)
    assert second.inside("ip", "link", "show", "eth0").split(":")[0] == before, "the same device"


def test_without_vtep_the_containers_have_no_carrier(built: Segment) -> None:
    page, _, second = built
    more = "docker run -d --net vxlan-net --name d2 busybox sleep 3600"
    execute(tied_to_parent(second.engine.shell(more)))
    neighbour = page.site("10.0.1.41", "d2")
    assert second.ping(neighbour.address)
    assert page.daemons["10.0.1.41"].stop() == 0
    wait_until(lambda: _carrier(second) == "0", what="no carrier")
    assert not second.ping(neighbour.address)
    page.restart("10.0.1.41", SECTION)
    wait_until(lambda: _carrier(second) == "1", what="a carrier")
    second.reach(neighbour.address)


def test_the_host_is_not_on_the_segment_and_publishes_no_ports(built: Segment) -> None:
    _, first, _ = built
    published = "docker run -d --net vxlan-net -p 8080:80 --name e1 busybox sleep 3600"
    execute(tied_to_parent(first.engine.shell(published)))
    assert first.engine.run("ss", "--no-header", "-tln", "sport = 8080") == ""
    assert "172.18." not in first.routes()
    assert "default" not in first.inside("ip", "route")
    assert not first.ping(first.engine.address)


def test_a_second_network_leads_out_of_the_segment(built: Segment) -> None:
    page, first, second = built
    page.run(SECOND_NETWORK)
    assert first.ping(second.engine.address)
    assert first.ping(second.address)


def _carrier(site: Site) -> str:
    return site.inside("cat", "/sys/class/net/eth0/carrier").strip()
