"""TCP between containers of two Docker hosts, with the usual MTUs."""

import pytest

from tests.docker.engines import Engine
from tests.docker.segment import segment
from tests.docker.transfer import Transfer, carries
from tests.docker.tunnels import DEVICE, tunnel, userspace

pytestmark = pytest.mark.docker

Engines = tuple[Engine, Engine]

NARROW = {"com.docker.network.driver.mtu": "1450"}
MEGABYTE = 1_000_000


@pytest.mark.parametrize(("options", "mtu"), [({}, 1500), (NARROW, 1450)], ids=["1500", "1450"])
def test_tcp_flows_both_ways_between_two_vteps(
    engines: Engines, options: dict[str, str], mtu: int
) -> None:
    with (
        segment(engines, options) as (first, second),
        userspace(first, second),
        userspace(second, first),
    ):
        assert first.mtu() == second.mtu() == mtu
        first.reach(second.address)
        assert carries(first, second)
        assert carries(second, first)


@pytest.mark.usefixtures("underlay")
@pytest.mark.parametrize(("options", "mtu"), [({}, 1500), (NARROW, 1450)], ids=["1500", "1450"])
def test_tcp_flows_both_ways_between_a_vtep_and_the_kernels_vxlan(
    engines: Engines, options: dict[str, str], mtu: int
) -> None:
    with (
        segment(engines, options) as (first, second),
        userspace(first, second),
        tunnel("kernel", second, first),
    ):
        assert first.mtu() == second.mtu() == mtu
        first.reach(second.address)
        assert carries(first, second)
        assert carries(second, first)


def test_a_transfer_survives_a_vtep_that_is_killed_and_restarted(engines: Engines) -> None:
    with (
        segment(engines) as (first, second),
        userspace(first, second),
        userspace(second, first) as killed,
    ):
        first.reach(second.address)
        with Transfer(first, second, 20 * MEGABYTE, hold_at=MEGABYTE) as transfer:
            assert transfer.holding.wait(20)
            killed.kill()
            assert second.device(DEVICE) is None
            with userspace(second, first):
                transfer.go_on.set()
                assert transfer.arrives_intact()
