"""The tutorial: containers of two Docker hosts on one segment, with two real engines."""

import signal
import socket

import pytest

from tests.docker.engines import Engine
from tests.docker.segment import GATEWAY, Site, segment
from tests.docker.tunnels import DEVICE, TunnelKind, tunnel, userspace
from vtep.lab import Capture, wait_until

pytestmark = pytest.mark.docker

Engines = tuple[Engine, Engine]


def test_one_command_on_each_host_connects_the_containers_until_it_is_stopped(
    engines: Engines,
) -> None:
    with segment(engines) as (first, second):
        assert first.ping(GATEWAY)
        assert second.ping(GATEWAY)
        assert not first.ping(second.address)
        routes = [site.routes() for site in (first, second)]

        with userspace(first, second) as near, userspace(second, first) as far:
            first.reach(second.address)
            second.reach(first.address)
            assert [site.routes() for site in (first, second)] == routes
            assert first.ping(GATEWAY)
            assert far.stop() == 0
            assert not first.ping(second.address)
            assert near.stop() == 0

        for site in (first, second):
            assert site.device(DEVICE) is None
            assert site.tunnel_ports() == set()
        assert [site.routes() for site in (first, second)] == routes
        assert not second.ping(first.address)


def test_the_ping_crosses_the_underlay_in_vxlan_with_the_vni_of_the_command(
    engines: Engines,
) -> None:
    with (
        segment(engines) as (first, second),
        userspace(first, second),
        userspace(second, first),
        engines[0].capture() as capture,
    ):
        first.reach(second.address)
        request = _echo_request(capture, first, second)

    outer_ip, udp, vxlan = request[14:34], request[34:42], request[42:50]
    assert outer_ip[12:16] == socket.inet_aton("10.0.1.4")
    assert outer_ip[16:20] == socket.inet_aton("10.0.1.41")
    assert outer_ip[6:8] == b"\x40\x00", "DF, and no fragment"
    assert int.from_bytes(udp[2:4], "big") == 4789
    assert vxlan == bytes.fromhex("08 000000 000064 00"), "the I flag and VNI 100"


@pytest.mark.usefixtures("underlay")
def test_the_kernels_vxlan_works_at_the_other_end(engines: Engines) -> None:
    with segment(engines) as (first, second):
        assert not first.ping(second.address)
        routes = first.routes()
        with tunnel("kernel", second, first):
            with userspace(first, second):
                first.reach(second.address)
                second.reach(first.address)
                assert first.routes() == routes
            assert not second.ping(first.address)
        assert first.device(DEVICE) is None


@pytest.mark.parametrize("kind", ["userspace", "kernel"])
def test_a_network_with_a_bridge_name_is_found(engines: Engines, kind: TunnelKind) -> None:
    with (
        segment(engines, {"com.docker.network.bridge.name": "brvx"}) as (first, second),
        userspace(first, second),
        tunnel(kind, second, first),
    ):
        device = first.device(DEVICE)
        assert device is not None
        assert device["master"] == "brvx"
        assert device["mtu"] == 1450
        first.reach(second.address)


def test_a_killed_vtep_leaves_nothing_behind_and_can_be_restarted(
    engines: Engines,
) -> None:
    with segment(engines) as (first, second), userspace(first, second):
        with userspace(second, first) as killed:
            first.reach(second.address)
            killed.kill()
        assert killed.process.exit_code == -signal.SIGKILL
        assert second.device(DEVICE) is None
        assert second.tunnel_ports() == set()
        with userspace(second, first):
            first.reach(second.address)
            second.reach(first.address)


def _echo_request(capture: Capture, source: Site, target: Site) -> bytes:
    """Return the outer frame of an echo request from one container to the other."""
    addresses = socket.inet_aton(source.address) + socket.inet_aton(target.address)

    def find() -> bytes | None:
        for frame in capture.frames():
            packet = frame[64:]  # behind Ethernet, IP, UDP, VXLAN and Ethernet
            if packet[12:20] == addresses and packet[9] == 1 and packet[20] == 8:
                return frame
        return None

    found = wait_until(find, what="an echo request on the wire")
    assert found is not None
    return found
