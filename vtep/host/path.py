"""Query the kernel for the current path to a peer: source address, MTU and TTL."""

import socket
from contextlib import suppress
from typing import NamedTuple

from vtep.host import linux


class PeerPath(NamedTuple):
    """The path to a peer.

    Attributes:
        source: source address of the packets, 4 or 16 octets.
        mtu: largest IP packet, in octets: the learned path MTU (RFC 1191), else the route's.
        ttl: TTL, or hop limit over IPv6, of a UDP socket's packets.
    """

    source: bytes
    mtu: int
    ttl: int


def find(address: tuple[str | int, ...], local: str | None, dev: str | None) -> PeerPath | None:
    """Return the path to a peer, or None if there is no route.

    The values come from a UDP socket that is connected to the peer; no packet is sent.

    Args:
        address: socket address of the peer, (IP, port) or (IP, port, flow, scope).
        local: source address; None for the kernel's choice.
        dev: outgoing device; None for any.
    """
    is_ipv4 = len(address) == 2
    family = socket.AF_INET if is_ipv4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
        if dev is not None:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode() + b"\0")
        if local is not None:
            probe.bind((local, 0))
        probe.connect(address)
        if is_ipv4:
            mtu = probe.getsockopt(socket.IPPROTO_IP, linux.IP_MTU)
            ttl = probe.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
        else:
            mtu = probe.getsockopt(socket.IPPROTO_IPV6, linux.IPV6_MTU)
            ttl = probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
        source = socket.inet_pton(family, probe.getsockname()[0].partition("%")[0])
        return PeerPath(source, mtu, ttl)
    return None
