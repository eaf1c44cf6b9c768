"""Build topologies of hosts from network namespaces.

   c1 172.18.0.11                                           c2 172.18.0.12
   eth0 |                                                   eth0 |
   +----+---------------- h1 -----------------+   +-------------- h2 ----+---------+
   |  br0 --- vx0 (TAP) === vtep === UDP 4789 |---| UDP 4789 === vtep or kernel    |
   |                               u1 10.0.1.4|   |10.0.1.41 u2       vxlan / br0  |
   +------------------------------------------+   +--------------------------------+

two_hosts() builds this without the tunnel: a test, a benchmark or the demo adds vx0. Every
container has its own namespace and is connected to br0 by a veth pair. With IPv6 the underlay
addresses are fd00:1::4 and fd00:1::41. For other shapes, use a Lab and create hosts one by one.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal, Self

from vtep.lab.host import CONTAINER_MTU, Container, Host
from vtep.lab.netns import Netns
from vtep.lab.private import enter
from vtep.lab.resource import Resource

Family = Literal[4, 6]

OVERHEAD = {4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14}
"""Difference between the MTU of the underlay and of a container, by family of the underlay."""

_FIRST = {4: "10.0.1.4/24", 6: "fd00:1::4/64"}
_SECOND = {4: "10.0.1.41/24", 6: "fd00:1::41/64"}


class Lab(Resource):
    """Hosts on underlays; the exit of the block always removes them all.

    The start of the block moves the process into its private namespace (see `private.enter`),
    where it stays. A process has one Lab at a time, because the names of hosts must be unique.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()

    def hosts(
        self, count: int, *, family: Family = 4, underlay_mtu: int = 1500, wire: bool = False
    ) -> list[Host]:
        """Create hosts h1, h2, ... on one underlay.

        Two hosts share a veth pair u1 - u2. More hosts are connected by u1, u2, u3, ... to a bridge
        in its own namespace. The addresses are 10.0.1.4, .41, .42, ... (IPv6 fd00:1::4, ::41,
        ::42, ...). With `wire` the underlay carries finished, segmented packets, as a real network
        does, and the receiver merges them (ethtool -K tx off gro on).
        """
        if count < 2:
            raise ValueError(f"an underlay connects at least two hosts, not {count}")
        made = [self.host(f"h{number}") for number in range(1, count + 1)]
        ends = [
            (host, f"u{number}", _underlay_address(number, family))
            for number, host in enumerate(made, 1)
        ]
        switch = self._switch() if count > 2 else None
        _plug(ends, mtu=underlay_mtu, wire=wire, switch=switch)
        return made

    def host(self, name: str) -> Host:
        """Create a host that is not connected to an underlay yet."""
        host = Host(name)
        self._undo.callback(host.close)
        return host

    def close(self) -> None:
        """End all processes and delete all namespaces, the last created first."""
        self._undo.close()

    def _switch(self) -> Netns:
        switch = Netns("switch")
        self._undo.callback(switch.close)
        return switch

    def __enter__(self) -> Self:
        """Enter the private namespace."""
        enter()
        return super().__enter__()


@dataclass(frozen=True, slots=True)
class TwoHosts:
    """The topology drawn above: two hosts, each with br0 and one container."""

    h1: Host
    h2: Host
    c1: Container
    c2: Container


@contextmanager
def two_hosts(
    family: Family = 4,
    *,
    underlay_mtu: int = 1500,
    wire: bool = False,
    container_mtu: int = CONTAINER_MTU,
) -> Iterator[TwoHosts]:
    """Build the topology drawn above, and remove it at the end of the block."""
    with Lab() as lab:
        h1, h2 = lab.hosts(2, family=family, underlay_mtu=underlay_mtu, wire=wire)
        h1.bridge("br0")
        h2.bridge("br0")
        c1 = h1.container("c1", "br0", "172.18.0.11/16", mtu=container_mtu)
        c2 = h2.container("c2", "br0", "172.18.0.12/16", mtu=container_mtu)
        yield TwoHosts(h1, h2, c1, c2)


def hosts_with_containers(
    lab: Lab, count: int, family: Family = 4, *, underlay_mtu: int = 1500, wire: bool = False
) -> list[Host]:
    """Create hosts with a bridge br0 and one container each.

    The MAC and IP addresses are fixed, and the same as in the output of `vtep walk`.
    """
    hosts = lab.hosts(count, family=family, underlay_mtu=underlay_mtu, wire=wire)
    for number, host in enumerate(hosts, 1):
        last = host.address.replace(":", ".").rpartition(".")[2]
        host.ip("link", "set", host.device, "address", f"02:00:00:00:01:{last:0>2}")
        host.bridge("br0")
        host.container(
            f"c{number}",
            "br0",
            f"172.18.0.{10 + number}/16",
            mtu=underlay_mtu - OVERHEAD[family],
            mac=f"02:42:ac:12:00:{10 + number:02x}",
        )
    return hosts


def _plug(
    ends: Sequence[tuple[Host, str, str]], *, mtu: int, wire: bool, switch: Netns | None
) -> None:
    """Connect hosts, each given with its device and address, to one underlay.

    Two hosts share a veth pair. More are connected to a bridge in the namespace `switch`.
    """
    if switch is None:
        (first, first_device, _), (second, second_device, _) = ends
        first.ip(
            *["link", "add", first_device, "mtu", str(mtu), "type", "veth"],
            *["peer", "name", second_device, "mtu", str(mtu), "netns", second.name],
        )
    else:
        switch.ip(
            *["link", "add", "sw0", "mtu", str(mtu), "type", "bridge", "stp_state", "0"],
            *["forward_delay", "0", "mcast_snooping", "0"],
        )
        switch.ip("link", "set", "sw0", "up")
        for host, device, _ in ends:
            peer = ["peer", "name", host.name, "mtu", str(mtu), "netns", switch.name]
            host.ip("link", "add", device, "mtu", str(mtu), "type", "veth", *peer)
            switch.ip("link", "set", host.name, "master", "sw0", "up")
    for host, device, address in ends:
        host.device = device
        host.address = str(ipaddress.ip_interface(address).ip)
        if wire:
            host.offload(device, "tx", "off", "gro", "on")
        host.ip("link", "set", device, "up")
    for host, device, address in ends:
        host.link_up(device, address)


def _underlay_address(number: int, family: Family) -> str:
    """Return the address, with prefix length, of a host; `number` counts from 1."""
    if number == 1:
        return _FIRST[family]
    second = ipaddress.ip_interface(_SECOND[family])
    return f"{second.ip + (number - 2)}/{second.network.prefixlen}"
