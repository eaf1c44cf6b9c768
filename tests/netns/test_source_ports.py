"""The outer source port: a hash of the inner flow, in the configured range."""

import socket
from collections import defaultdict

import pytest

from tests.netns.tunnels import tunnel
from vtep.lab import Container, TwoHosts, is_vxlan, ping, transfer, two_hosts
from vtep.lab.topology import Family

pytestmark = pytest.mark.netns


def send_flow(source: Container, target: Container, sport: int, times: int) -> None:
    """Send UDP datagrams of one flow."""
    with source.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source.address, sport))
        for _ in range(times):
            sender.sendto(b"x" * 100, (target.address, 9))


def ports_by_flow(frames: list[bytes], outer_ip: int) -> dict[int, list[int]]:
    """Return the outer source ports by the inner UDP source port."""
    found = defaultdict(list)
    for frame in frames:
        inner = frame[14 + outer_ip + 16 :]
        found[int.from_bytes(inner[34:36], "big")].append(outer_source_port(frame, outer_ip))
    return dict(found)


def is_sent(frame: bytes, outer_ip: int) -> bool:
    """Tell whether send_flow() sent the frame: inside is UDP to port 9."""
    inner = frame[14 + outer_ip + 16 :]
    return is_vxlan(frame) and inner[23:24] == b"\x11" and inner[36:38] == b"\0\x09"


def outer_source_port(frame: bytes, outer_ip: int = 20) -> int:
    return int.from_bytes(frame[14 + outer_ip : 16 + outer_ip], "big")


@pytest.mark.parametrize(("family", "outer_ip"), [(4, 20), (6, 40)])
def test_each_flow_keeps_its_port_and_flows_use_several(family: Family, outer_ip: int) -> None:
    with (
        two_hosts(family, container_mtu=1430, wire=True) as lab,
        tunnel(lab.h1, lab.h2),
        tunnel(lab.h2, lab.h1),
    ):
        assert ping(lab.c1, lab.c2.address)
        with lab.h1.capture(lab.h1.device, lambda frame: is_sent(frame, outer_ip)) as underlay:
            for sport in range(20_000, 20_020):
                send_flow(lab.c1, lab.c2, sport, times=3)
            flows = ports_by_flow(underlay.wait(60), outer_ip)
        assert len(flows) == 20
        assert all(len(ports) == 3 and len(set(ports)) == 1 for ports in flows.values())
        ports = {port for [port, *_] in flows.values()}
        assert all(49152 <= port <= 65535 for port in ports)
        # 20 flows over 64 ports: fewer than 8 ports have a probability of 10**-10.
        assert len(ports) >= 8


def test_bulk_traffic_uses_only_ports_of_the_range(lab: TwoHosts) -> None:
    more = ["--srcport", "50000", "50099"]
    with tunnel(lab.h1, lab.h2, *more), tunnel(lab.h2, lab.h1, *more):
        with lab.h1.capture(lab.h1.device, is_vxlan) as underlay:
            transfer(lab.c1, lab.c2, 1_000_000)
            transfer(lab.c2, lab.c1, 1_000_000)
            ports = {outer_source_port(frame) for frame in underlay.frames()}
        assert all(50_000 <= port <= 50_099 for port in ports)
        assert len(ports) > 1


@pytest.mark.parametrize("port", [5000, 4789])
def test_a_range_of_one_port_uses_that_port(port: int, lab: TwoHosts) -> None:
    one = ["--srcport", str(port), str(port)]
    with tunnel(lab.h1, lab.h2, *one), tunnel(lab.h2, lab.h1, *one):
        with lab.h1.capture(lab.h1.device, is_vxlan) as underlay:
            assert ping(lab.c1, lab.c2.address, count=3).received == 3
            transfer(lab.c1, lab.c2, 1_000_000)
            ports = {outer_source_port(frame) for frame in underlay.frames()}
        assert ports == {port}


def test_a_kernel_peer_answers_to_any_source_port() -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2):
        lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0")
        for _ in range(3):
            assert ping(lab.c1, lab.c2.address, count=3).received == 3
            assert ping(lab.c2, lab.c1.address, count=3).received == 3
        transfer(lab.c1, lab.c2, 10_000_000)
