"""The walk shows the packets of the lab: the same ARP exchange, octet by octet."""

import pytest

from tests.netns.tunnels import tunnel
from tests.unit.test_walk import at, octets
from vtep.lab import Lab, ping
from vtep.lab.capture import is_vxlan
from vtep.lab.topology import Family
from vtep.walk.engine import run
from vtep.walk.frames import C1, C2
from vtep.walk.options import Options
from vtep.wire.ethernet import HEADER_LEN, format_mac

pytestmark = pytest.mark.netns

ARP = b"\x08\x06"
AUTO_FLOW_LABEL = 0xFFFFF


@pytest.mark.parametrize("family", [4, 6])
def test_the_walk_shows_the_packets_on_the_underlay(family: Family) -> None:
    with Lab() as lab:
        h1, h2 = lab.hosts(2, family=family, wire=True)
        c1, _ = (
            (host.bridge("br0"), host.container(one.name, "br0", f"{one.ipv4}/16",
             mac=format_mac(one.mac)))[1]
            for host, one in ((h1, C1), (h2, C2))
        )  # fmt: skip
        with tunnel(h1, h2), tunnel(h2, h1), h1.capture("u1", is_vxlan) as capture:
            assert ping(c1, C2.ipv4)
            seen = [frame for frame in capture.frames() if frame[-30:-28] == ARP]
    walks = run(Options(inner="arp", ipv6=family == 6)).walks
    shown = [octets(at(walk, "underlay", "wire")) for walk in walks]
    assert [packet_of(one) for one in seen[:2]] == [packet_of(one) for one in shown]


def packet_of(frame: bytes) -> bytes:
    """Return the IP packet of a frame; over IPv6 without the flow label that the kernel chooses."""
    packet = bytearray(frame[HEADER_LEN:])
    if packet[0] >> 4 == 6:
        word = int.from_bytes(packet[:4], "big") & ~AUTO_FLOW_LABEL
        packet[:4] = word.to_bytes(4, "big")
    return bytes(packet)
