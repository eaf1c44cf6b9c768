"""Query and change devices, addresses and routes over rtnetlink.

Never keep a Netlink open while uvloop runs: pyroute2's IPRoute drives an event loop of its own,
which does not work on uvloop.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Any, Literal, Self

from pyroute2 import IPRoute, NetlinkError

from vtep.host import linux

_ROUTE_KINDS: dict[int, Literal["local", "broadcast"]] = {
    linux.RTN_LOCAL: "local",
    linux.RTN_BROADCAST: "broadcast",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A network device.

    Attributes:
        index: interface index.
        name: interface name.
        kind: link kind of the driver ("tun" for a TAP, "bridge", "veth", "vxlan", ...), or "".
        mtu: largest IP packet, in octets.
        up: whether it is set up.
        master: index of the bridge or bond that it is a port of, or None.
        mac: six octets; empty for a device without a MAC address.
        queues: number of readers of a multi_queue TAP; None for any other device.
    """

    index: int
    name: str
    kind: str
    mtu: int
    up: bool
    master: int | None
    mac: bytes
    queues: int | None


@dataclass(frozen=True, slots=True)
class Route:
    """The kernel's route to a destination.

    Attributes:
        dev: outgoing device.
        source: preferred source address, or None.
        mtu: largest IP packet, in octets: the route's MTU (ip route ... mtu, or a learned path
            MTU), else the device's.
        kind: "local" for an address of this host, "broadcast", else "unicast".
    """

    dev: str
    source: str | None
    mtu: int
    kind: Literal["unicast", "local", "broadcast"]


class Netlink:
    """An rtnetlink socket, as a context manager."""

    def __init__(self) -> None:
        self._ip = IPRoute()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the socket."""
        self._ip.close()

    def links(self) -> list[Link]:
        """Return all devices of the network namespace."""
        return [_link(message) for message in self._ip.get_links()]

    def link(self, name: str) -> Link | None:
        """Return the device with this name, or None."""
        return self._one_link(ifname=name)

    def link_by_index(self, index: int) -> Link | None:
        """Return the device with this index, or None."""
        return self._one_link(index=index)

    def _one_link(self, **selector: str | int) -> Link | None:
        try:
            return next(map(_link, self._ip.link("get", **selector)), None)
        except NetlinkError:
            return None

    def route(self, destination: str, dev: str | None, source: str | None) -> Route | None:
        """Return the route to *destination*, or None if there is no route.

        Args:
            destination: IP address as text.
            dev: allow only this outgoing device; None for any.
            source: source address; None for the kernel's choice.
        """
        query: dict[str, Any] = {"dst": destination, "family": _family(destination)}
        if dev is not None:
            link = self.link(dev)
            if link is None:
                return None
            query["oif"] = link.index
        if source is not None:
            query["src"] = source
        try:
            found: Any = next(iter(self._ip.route("get", **query)))
        except NetlinkError:
            return None
        link = self.link_by_index(found.get_attr("RTA_OIF"))
        if link is None:
            return None
        metrics = found.get_attr("RTA_METRICS")
        return Route(
            dev=link.name,
            source=source or found.get_attr("RTA_PREFSRC"),
            mtu=min((metrics and metrics.get_attr("RTAX_MTU")) or link.mtu, link.mtu),
            kind=_ROUTE_KINDS.get(found["type"], "unicast"),
        )

    def forwards(self, destination: str, source: str, dev: str) -> str | None:
        """Return the device through which the kernel would forward a packet, or None.

        Only routing is checked, not the firewall. For IPv4 this includes source validation and the
        forwarding setting of *dev*; for IPv6 it does not.

        Args:
            destination: destination address of the packet, as text.
            source: source address of the packet, as text.
            dev: device on which the packet arrives.
        """
        link = self.link(dev)
        query: dict[str, Any] = {"dst": destination, "src": source, "family": _family(source)}
        try:
            found: Any = next(iter(self._ip.route("get", iif=link.index if link else 0, **query)))
        except NetlinkError:
            return None
        out = self.link_by_index(found.get_attr("RTA_OIF"))
        return out.name if out is not None and found["type"] not in _ROUTE_KINDS else None

    def addresses(self) -> set[str]:
        """Return all IP addresses of this host as text, without scopes."""
        return {_address(message) for message in self._ip.get_addr()}

    def address_of(self, dev: str, family: int) -> str | None:
        """Return the address of *dev* in this family with the widest scope, or None."""
        link = self.link(dev)
        if link is None:
            return None
        found = [m for m in self._ip.get_addr(family=family) if m["index"] == link.index]
        best = min(found, key=lambda message: int(message["scope"]), default=None)
        return None if best is None else _address(best)

    def link_of_address(self, address: str) -> Link | None:
        """Return the device that has *address*, or None."""
        for message in self._ip.get_addr(family=_family(address)):
            if _address(message) == address:
                return self.link_by_index(message["index"])
        return None

    def set_link(
        self,
        name: str,
        mtu: int | None = None,
        up: bool | None = None,
        master: int | None = None,
        mac: bytes | None = None,
    ) -> None:
        """Change device *name*; arguments that are None leave their property as it is.

        A master of 0 detaches the device from its bridge.

        Raises:
            OSError: with the kernel's errno: ENODEV, EPERM, EINVAL, ...
        """
        changes: dict[str, Any] = {}
        if mtu is not None:
            changes["mtu"] = mtu
        if master is not None:
            changes["master"] = master
        if mac is not None:
            changes["address"] = mac.hex(":")
        if up is not None:
            changes["state"] = "up" if up else "down"
        try:
            self._ip.link("set", ifname=name, **changes)
        except NetlinkError as error:
            raise OSError(error.code, os.strerror(error.code), name) from error

    def add_host_address(self, dev: str, address: str) -> None:
        """Add an IPv4 address of host scope to *dev*.

        Raises:
            OSError: with the kernel's errno.
        """
        link = self.link(dev)
        index = link.index if link else 0
        try:
            self._ip.addr("add", index=index, address=address, prefixlen=32, scope=linux.SCOPE_HOST)
        except NetlinkError as error:
            raise OSError(error.code, os.strerror(error.code), dev) from error

    def vxlan_on_port(self, port: int) -> list[str]:
        """Return the kernel vxlan devices that occupy UDP *port*: those that are up."""
        return [
            message.get_attr("IFLA_IFNAME")
            for message in self._ip.get_links(kind="vxlan")
            if message["flags"] & linux.IFF_UP
            and message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_VXLAN_PORT") == port
        ]


def _family(address: str) -> int:
    is_ipv6 = ipaddress.ip_address(address).version == 6
    return socket.AF_INET6 if is_ipv6 else socket.AF_INET


def _address(message: Any) -> str:
    """Return the local address; on point-to-point links IFA_ADDRESS is the remote one."""
    address: str = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return address


def _link(message: Any) -> Link:
    kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or ""
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=kind,
        mtu=message.get_attr("IFLA_MTU"),
        up=bool(message["flags"] & linux.IFF_UP),
        master=message.get_attr("IFLA_MASTER") or None,
        mac=_mac(message.get_attr("IFLA_ADDRESS")),
        queues=message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_TUN_NUM_QUEUES")
        if kind == "tun"
        else None,
    )


def _mac(text: str | None) -> bytes:
    return bytes.fromhex((text or "").replace(":", ""))
