"""Bulk TCP between two vteps arrives complete with any MTU of the containers."""

import pytest

from tests.netns.tunnels import tunnel
from vtep.lab import transfer, transferring, two_hosts, wait_until
from vtep.lab.topology import Family

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("container_mtu", [1450, 1500])
def test_100_megabytes_arrive_in_both_directions(container_mtu: int) -> None:
    with (
        two_hosts(container_mtu=container_mtu) as lab,
        tunnel(lab.h1, lab.h2) as first,
        tunnel(lab.h2, lab.h1) as second,
    ):
        transfer(lab.c1, lab.c2, 100_000_000)
        transfer(lab.c2, lab.c1, 100_000_000)
        for daemon in (first, second):
            clamped = daemon.counters()["overlays"]["100"]["clamped"]
            assert (clamped > 0) == (container_mtu == 1500)


@pytest.mark.parametrize("family", [4, 6])
def test_tcp_over_ipv6_inside(family: Family) -> None:
    with two_hosts(family) as lab:
        for container, address in ((lab.c1, "fd00:18::11/64"), (lab.c2, "fd00:18::12/64")):
            container.ip("address", "add", address, "dev", "eth0", "nodad")
        with tunnel(lab.h1, lab.h2), tunnel(lab.h2, lab.h1):
            transfer(lab.c1, lab.c2, 10_000_000, address="fd00:18::12")
            transfer(lab.c2, lab.c1, 10_000_000, address="fd00:18::11")


def test_without_clamping_a_container_mtu_of_1500_does_not_fit() -> None:
    """Show the failure that clamping prevents: packets above the MTU of the TAP are lost."""
    with (
        two_hosts(container_mtu=1500) as lab,
        tunnel(lab.h1, lab.h2, "--no-clamp-mss") as first,
        tunnel(lab.h2, lab.h1, "--no-clamp-mss"),
    ):
        with transferring(lab.c1, lab.c2, 1_000_000):
            wait_until(lambda: first.counters()["overlays"]["100"]["rx_frames"] >= 2)
        assert first.counters()["overlays"]["100"]["clamped"] == 0


def test_a_transfer_continues_after_one_vtep_is_killed_and_restarted() -> None:
    with (
        two_hosts() as lab,
        tunnel(lab.h1, lab.h2) as first,
        tunnel(lab.h2, lab.h1) as second,
        transferring(lab.c1, lab.c2, 60_000_000) as under_way,
    ):

        def carried() -> int:
            return int(first.counters()["overlays"]["100"]["tx_bytes"])

        wait_until(lambda: carried() > 10_000_000, what="10 MB on their way")
        second.kill()
        assert not lab.h2.has_link("vx0")
        assert carried() < 60_000_000
        with tunnel(lab.h2, lab.h1):
            under_way.finish()
        assert first.process.exit_code is None
