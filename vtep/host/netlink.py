"""What the kernel knows of devices, addresses and routes, asked and set over rtnetlink.

pyroute2's IPRoute drives an event loop of its own and does not work on uvloop: open a Netlink,
use it, close it, and never while uvloop runs.
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
        index: its number.
        name: its name.
        kind: its driver's link kind ("tun" for a TAP, "bridge", "veth", "vxlan", ...), "" if none.
        mtu: octets of its largest IP packet.
        up: whether it is set up.
        master: the index of the bridge or bond it is a port of; None for none.
        mac: its six octets; empty for a device without.
        queues: how many readers a multi_queue TAP has; None for every other device.
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
    """The way the kernel would take to a destination.

    Attributes:
        dev: the device.
        source: the address it would send from; None where it has none.
        mtu: octets of the largest IP packet: the route's (ip route ... mtu, or a path MTU that
            was learned), else the device's.
        kind: "local" for an address of this host, "broadcast", else "unicast".
    """

    dev: str
    source: str | None
    mtu: int
    kind: Literal["unicast", "local", "broadcast"]


class Netlink:
    """An rtnetlink socket; a context manager."""

    def __init__(self) -> None:
        self._ip = IPRoute()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the socket."""
        self._ip.close()

    def links(self) -> list[Link]:
        """Return all devices."""
        return [_link(message) for message in self._ip.get_links()]

    def link(self, name: str) -> Link | None:
        """Return the device of that name, or None."""
        return self._one_link(ifname=name)

    def link_by_index(self, index: int) -> Link | None:
        """Return the device of that number, or None."""
        return self._one_link(index=index)

    def _one_link(self, **selector: str | int) -> Link | None:
        try:
            return next(map(_link, self._ip.link("get", **selector)), None)
        except NetlinkError:
            return None

    def route(self, destination: str, dev: str | None, source: str | None) -> Route | None:
        """Return the way to *destination*, an IP address as text; None when there is none.

        Args:
            destination: where to.
            dev: by this device only; None for any.
            source: from this address; None for the kernel's choice.
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
        """Return the device by which the kernel would forward what comes in by *dev*; None if not.

        It answers by the routing alone, firewall aside: source checks and the forwarding of *dev*
        are looked at for IPv4, not for IPv6.

        Args:
            destination: where to, an IP address as text.
            source: whose packet it is.
            dev: the device by which it comes in.
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
        """Return the address of *dev* of that family with the widest scope; None for none."""
        link = self.link(dev)
        if link is None:
            return None
        found = [m for m in self._ip.get_addr(family=family) if m["index"] == link.index]
        best = min(found, key=lambda message: int(message["scope"]), default=None)
        return None if best is None else _address(best)

    def link_of_address(self, address: str) -> Link | None:
        """Return the device that has *address*; None for none."""
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
        """Change what is not None of device *name*; a master of 0 takes it out of its bridge.

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
        """Give *dev* an IPv4 address that counts on this host only.

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
        """Return the kernel's vxlan devices that hold UDP *port*: those that are up."""
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
    """Return the address of this host; on point-to-point links IFA_ADDRESS is the other end's."""
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
