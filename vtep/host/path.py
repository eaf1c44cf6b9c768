"""The way to one peer as the kernel sees it now: from which address, and how large a packet."""

import socket
from contextlib import suppress
from typing import NamedTuple

from vtep.host import linux


class PeerPath(NamedTuple):
    """A way.

    Attributes:
        source: the address packets are sent from, 4 or 16 octets.
        mtu: octets of the largest IP packet; that of the way, where one was learned (RFC 1191).
        ttl: what a UDP socket's packets leave with; the hop limit over IPv6.
    """

    source: bytes
    mtu: int
    ttl: int


def find(address: tuple[str | int, ...], local: str | None, dev: str | None) -> PeerPath | None:
    """Return the way to a socket address; None when there is none.

    A socket is connected there and asked; nothing is sent.

    Args:
        address: of the peer, (IP, port) or (IP, port, flow, scope).
        local: the address to send from; None for the kernel's choice.
        dev: the device to send by; None for any.
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
