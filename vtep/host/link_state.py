"""Query the present state of a device, synchronously and on any event loop.

A Netlink object (vtep.host.netlink) does not work while uvloop runs. Here pyroute2 only encodes and
decodes; the socket is ours, and the kernel answers within the send. A query takes 1 ms.
"""

import socket
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink import NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_GETLINK, RTM_NEWLINK
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from vtep.host import linux

_MAX_MESSAGE = 1 << 16

# linux/if.h, in the order of print_link_flags in iproute2.
_FLAG_NAMES = {
    0x8: "LOOPBACK",
    0x2: "BROADCAST",
    0x10: "POINTOPOINT",
    0x1000: "MULTICAST",
    0x80: "NOARP",
    0x200: "ALLMULTI",
    0x100: "PROMISC",
    0x400: "MASTER",
    0x800: "SLAVE",
    0x4: "DEBUG",
    0x8000: "DYNAMIC",
    0x4000: "AUTOMEDIA",
    0x2000: "PORTSEL",
    0x20: "NOTRAILERS",
    linux.IFF_UP: "UP",
    0x10000: "LOWER_UP",
    0x20000: "DORMANT",
    0x40000: "ECHO",
}


@dataclass(frozen=True, slots=True)
class LinkState:
    """The state of a device as `ip link show` prints it.

    Attributes:
        index: interface index.
        flags: names as in `ip link`: "UP", "LOWER_UP", "NO-CARRIER", ...
        operstate: RFC 2863 state: "UP", "DOWN", "UNKNOWN", ...
        mtu: largest IP packet, in octets.
        master: name of the bridge or bond that it is a port of, or None.
        mac: six octets; empty for a device without a MAC address.
    """

    index: int
    flags: tuple[str, ...]
    operstate: str
    mtu: int
    master: str | None
    mac: bytes


def link_state(name: str) -> LinkState | None:
    """Return the state of device *name* in our network namespace, or None if there is none.

    Raises:
        OSError: an error of netlink(7).
    """
    query = ifinfmsg()
    query["header"]["type"] = RTM_GETLINK
    query["header"]["flags"] = NLM_F_REQUEST
    query["attrs"] = [("IFLA_IFNAME", name)]
    query.encode()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.sendto(query.data, (0, 0))
        message = ifinfmsg(netlink.recv(_MAX_MESSAGE))
    message.decode()
    return _state(message) if message["header"]["type"] == RTM_NEWLINK else None


def _state(message: Any) -> LinkState:
    return LinkState(
        index=message["index"],
        flags=_flags(message["flags"]),
        operstate=message.get_attr("IFLA_OPERSTATE"),
        mtu=message.get_attr("IFLA_MTU"),
        master=_name(message.get_attr("IFLA_MASTER")),
        mac=bytes.fromhex((message.get_attr("IFLA_ADDRESS") or "").replace(":", "")),
    )


def _flags(bits: int) -> tuple[str, ...]:
    no_carrier = bits & linux.IFF_UP and not bits & linux.IFF_RUNNING
    named = tuple(name for bit, name in _FLAG_NAMES.items() if bits & bit)
    return ("NO-CARRIER", *named) if no_carrier else named


def _name(index: int | None) -> str | None:
    """Return the name of a device; None if there is none, or it was just removed."""
    try:
        return socket.if_indextoname(index) if index else None
    except OSError:
        return None
