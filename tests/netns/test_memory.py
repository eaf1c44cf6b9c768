"""Memory of both daemons under many connections whose writes all have another length."""

import pytest

from bench.measures.many import Many, traffic
from bench.measures.usage import resident_octets
from vtep.lab import TwoHosts, ping, wait_until

pytestmark = pytest.mark.netns

TRAFFIC = Many(connections=200, low=1500, high=12_000, pace=3000)
HALF = 100_000_000
"""Octets that arrive in 5 s, or later on a busy machine: 15,000 GSO frames."""
LONG_S = 120.0
LIMIT = 120_000_000
GROWTH = 6_000_000
"""Octets a daemon may grow in the second half, when it knows all connections."""


def test_memory_stays_bounded_with_many_connections_and_lengths(lab: TwoHosts) -> None:
    def arrived() -> int:
        return int(lab.c2.link("eth0")["stats64"]["rx"]["bytes"])

    usual = ["--tap", "vx0", "--vni", "100", "--bridge", "br0", "--peer"]
    with lab.h1.vtep(*usual, lab.h2.address) as one, lab.h2.vtep(*usual, lab.h1.address) as other:
        assert ping(lab.c1, lab.c2.address, count=3)
        resident = []
        with traffic(lab.c1, lab.c2, lab.c2.address, TRAFFIC, LONG_S) as receiver:
            for target in (HALF, 2 * HALF):
                wait_until(
                    lambda target=target: arrived() > target,  # type: ignore[misc]
                    timeout=LONG_S,
                    what=f"{target} octets to arrive",
                )
                resident.append([resident_octets(daemon.pid) for daemon in (one, other)])
            receiver.kill()
    middle, end = resident
    assert max(end) < LIMIT
    assert all(late < early + GROWTH for early, late in zip(middle, end, strict=True))
