"""Netlink and procfs against a real kernel in a network namespace."""

import os
import socket

import pytest

from tests.unit.namespaces import in_private_namespaces, sh
from vtep.host import procfs
from vtep.host.netlink import Netlink, Route


def veth() -> None:
    sh("ip link add v0 address 02:00:00:00:00:01 type veth peer name v1")
    for dev in ("v0", "v1"):
        sh(f"ip link set {dev} up")
    sh("ip address add 10.9.0.1/24 dev v0")
    sh("ip -6 address add fd00:9::1/64 dev v0 nodad")


@in_private_namespaces
def test_a_link_has_all_its_attributes() -> None:
    veth()
    sh("ip link add br0 type bridge")
    sh("ip link set v0 mtu 1400 master br0")
    with Netlink() as net:
        link, bridge = net.link("v0"), net.link("br0")
        assert link is not None
        assert bridge is not None
        assert (link.name, link.kind, link.mtu, link.up) == ("v0", "veth", 1400, True)
        assert link.mac == bytes.fromhex("020000000001")
        assert link.master == bridge.index
        assert link.queues is None
        assert (bridge.kind, bridge.up, bridge.master) == ("bridge", False, None)
        assert net.link_by_index(link.index) == link
        assert link in net.links()


@in_private_namespaces
def test_missing_devices_addresses_and_routes_are_none() -> None:
    with Netlink() as net:
        assert net.link("nope") is None
        assert net.link("much-too-long-for-a-device-name") is None
        assert net.link_by_index(4711) is None
        assert net.address_of("nope", socket.AF_INET) is None
        assert net.link_of_address("10.9.0.1") is None
        assert net.route("10.9.0.2", "nope", None) is None


@in_private_namespaces
def test_a_multi_queue_tap_has_a_number_of_readers() -> None:
    sh("ip tuntap add vx0 mode tap multi_queue")
    with Netlink() as net:
        link = net.link("vx0")
        assert link is not None
        assert link.queues == 0


@in_private_namespaces
def test_a_route_has_its_device_source_and_mtu() -> None:
    veth()
    with Netlink() as net:
        assert net.route("10.9.0.2", None, None) == Route("v0", "10.9.0.1", 1500, "unicast")
        assert net.route("fd00:9::2", None, None) == Route("v0", "fd00:9::1", 1500, "unicast")
        assert net.route("10.9.0.2", "v0", "10.9.0.1") == Route("v0", "10.9.0.1", 1500, "unicast")


@in_private_namespaces
def test_the_mtu_of_a_route_counts_if_it_is_below_that_of_its_device() -> None:
    veth()
    sh("ip route add 10.10.0.0/24 via 10.9.0.2 mtu 1400")
    sh("ip -6 route add fd00:10::/64 via fd00:9::2 mtu 1300")
    sh("ip route add 10.11.0.0/24 via 10.9.0.2 mtu 9000")
    with Netlink() as net:
        assert net.route("10.11.0.5", None, None) == Route("v0", "10.9.0.1", 1500, "unicast")
        assert net.route("10.10.0.5", None, None) == Route("v0", "10.9.0.1", 1400, "unicast")
        assert net.route("fd00:10::5", None, None) == Route("v0", "fd00:9::1", 1300, "unicast")


@in_private_namespaces
def test_local_and_broadcast_addresses_are_distinguished() -> None:
    veth()
    with Netlink() as net:
        kinds = {
            destination: route.kind
            for destination in ("10.9.0.1", "127.0.0.9", "fd00:9::1", "10.9.0.255", "10.9.0.2")
            if (route := net.route(destination, None, None))
        }
    assert kinds == {
        "10.9.0.1": "local",
        "127.0.0.9": "local",
        "fd00:9::1": "local",
        "10.9.0.255": "broadcast",
        "10.9.0.2": "unicast",
    }


@in_private_namespaces
def test_a_missing_route_is_none() -> None:
    veth()
    for kind, net_ in (("unreachable", 11), ("blackhole", 12), ("prohibit", 13)):
        sh(f"ip route add {kind} 10.{net_}.0.0/24")
    sh("ip -6 route add unreachable fd00:11::/64")
    with Netlink() as net:
        for destination in ("10.11.0.1", "10.12.0.1", "10.13.0.1", "9.9.9.9", "fd00:11::1"):
            assert net.route(destination, None, None) is None
        assert net.route("10.9.0.2", None, "10.9.0.77") is None, "not an address of this host"


@in_private_namespaces
def test_addresses_of_host_and_device() -> None:
    veth()
    sh("ip address add 10.8.0.1 peer 10.8.0.2 dev v1")
    with Netlink() as net:
        expected = {"127.0.0.1", "::1", "10.9.0.1", "fd00:9::1", "10.8.0.1"}
        assert {a for a in net.addresses() if not a.startswith("fe80")} == expected
        assert net.address_of("v0", socket.AF_INET) == "10.9.0.1"
        assert net.address_of("v0", socket.AF_INET6) == "fd00:9::1", "not the link-local one"
        link = net.link_of_address("10.8.0.1")
        assert link is not None
        assert link.name == "v1"


@in_private_namespaces
def test_properties_of_a_link_are_set_together_or_alone() -> None:
    veth()
    sh("ip link add br0 type bridge")
    with Netlink() as net:
        bridge = net.link("br0")
        assert bridge is not None
        net.set_link("v0", mtu=1450, up=False, master=bridge.index)
        link = net.link("v0")
        assert link is not None
        assert (link.mtu, link.up, link.master) == (1450, False, bridge.index)
        net.set_link("v0", master=0)
        link = net.link("v0")
        assert link is not None
        assert (link.mtu, link.up, link.master) == (1450, False, None)


@in_private_namespaces
def test_a_refused_change_has_the_kernels_errno() -> None:
    veth()
    with Netlink() as net:
        with pytest.raises(OSError, match="No such device"):
            net.set_link("nope", up=True)
        with pytest.raises(OSError, match="Invalid argument"):
            net.set_link("v0", mtu=1 << 20)
        os.setuid(65534)
        with pytest.raises(PermissionError):
            net.set_link("v0", mtu=1400)


@in_private_namespaces
def test_a_kernel_vxlan_device_holds_its_port_while_it_is_up() -> None:
    veth()
    sh("ip link add vxlan9 type vxlan id 9 dstport 4789 remote 10.9.0.2 dev v0")
    sh("ip link add vxlan8 type vxlan id 8 dstport 8472 remote 10.9.0.2 dev v0")
    with Netlink() as net:
        assert net.vxlan_on_port(4789) == []
        sh("ip link set vxlan9 up")
        sh("ip link set vxlan8 up")
        assert net.vxlan_on_port(4789) == ["vxlan9"]
        assert net.vxlan_on_port(4790) == []


@in_private_namespaces
def test_the_owner_of_a_udp_port_is_found_by_name() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 4789))
        owner = procfs.udp_owner(4789)
        assert owner is not None
        assert owner.endswith(f", pid {os.getpid()}")
        assert procfs.udp_owner(4790) is None
