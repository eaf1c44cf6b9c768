"""The IP and UDP headers around a datagram, for a capture: the socket never showed them to us.

They are built again from what is known, with right lengths and checksums.  What the kernel keeps to
itself is as it usually is: DF set, the IPv4 ID and the IPv6 flow label 0, and of what came in the
TTL of a sender that is next to us.
"""

import ipaddress
import socket
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from vtep.trace.outcome import Sent
from vtep.wire import ethernet, ip, outer
from vtep.wire.checksum import complement, ones_sum
from vtep.wire.outer import Outer

DESCRIPTION = (
    "outer IP packets, rebuilt from what vtep knows: addresses, ports, lengths and checksums are "
    "those on the wire, DF is set; IPv4 ID and flow label are not known, nor of what came TTL, DF, "
    "and whether there was a checksum"
)
_MAX_KEPT = 1024
"""Most peers whose way is kept; any host may send to us."""
_USUAL_TTL = 64


class Way(NamedTuple):
    """How packets leave for a peer: from which address, and with which TTL (hop limit)."""

    local: str
    ttl: int


class Outside:
    """Makes IP packets of datagrams.

    Args:
        port: the UDP port of every VTEP.
        way_to: finds the way to a peer, given its IP address as text; asked once for each.
    """

    def __init__(self, port: int, way_to: Callable[[str], Way]) -> None:
        self._port = port
        self._way_to = way_to
        self._ways: dict[str, Way] = {}

    def packet(self, datagram: Sent, payload: bytes, *, is_sent: bool) -> bytes:
        """Return the IP packet with *payload* that was sent to, or came from, a peer."""
        way = self._ways.get(datagram.peer)
        if way is None:
            if len(self._ways) >= _MAX_KEPT:
                self._ways.clear()
            way = self._ways[datagram.peer] = self._way_to(datagram.peer)
        ends = _octets(way.local), _octets(datagram.peer)
        source, destination = ends if is_sent else reversed(ends)
        ttl = way.ttl if is_sent else _USUAL_TTL
        headers = Outer(bytes(6), source, destination, datagram.port, self._port, ttl - 1)
        packet = outer.pack(headers, len(payload))[ethernet.HEADER_LEN :] + payload
        udp_at = headers.udp_at - ethernet.HEADER_LEN
        # The field holds the sum of the pseudo header, so the whole sum is that of these octets.
        checksum = complement(ones_sum(packet[udp_at:])) or 0xFFFF
        at = udp_at + ip.CHECKSUM_AT[ip.UDP]
        return packet[:at] + checksum.to_bytes(2, "big") + packet[at + 2 :]


def ask_kernel(peer: str, local: str | None, dev: str | None, fallback: str) -> Way:
    """Ask the kernel for the way to a peer, by a socket that sends nothing.

    Args:
        peer: its IP address as text, with %scope where it is link-local.
        local: the address we are bound to; None for whatever the route says.
        dev: the only device to send by; None for any.
        fallback: the address to name when there is no way.
    """
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as asking:
        try:
            if dev is not None:
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode() + b"\0")
            level, name = (
                (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
                if family == socket.AF_INET6
                else (socket.IPPROTO_IP, socket.IP_TTL)
            )
            ttl = asking.getsockopt(level, name)
            if local is not None:
                return Way(local, ttl)
            flags = socket.AI_NUMERICHOST
            [(*_, address), *_] = socket.getaddrinfo(peer, 9, family, socket.SOCK_DGRAM, 0, flags)
            asking.connect(address)
            return Way(str(asking.getsockname()[0]), ttl)
        except OSError:
            return Way(fallback, _USUAL_TTL)


def _octets(address: str) -> bytes:
    return ipaddress.ip_address(address.partition("%")[0]).packed
