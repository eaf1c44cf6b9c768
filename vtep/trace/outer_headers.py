"""Rebuild the IP and UDP headers around a datagram, for a capture.

A program with a UDP socket does not see these headers. Addresses, ports, lengths and checksums are
those on the wire. Fields that only the kernel knows have their usual values: DF set, IPv4 ID and
IPv6 flow label 0, and for received packets the TTL of a neighbour.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import NamedTuple, TypeAlias, cast

from vtep.host import path
from vtep.trace.outcome import Sent
from vtep.wire import ethernet, outer
from vtep.wire.outer import Outer

DESCRIPTION = (
    "outer IP packets, rebuilt: addresses, ports, lengths and checksums are those on the wire, DF "
    "is set; IPv4 ID and flow label are not known, nor are TTL, DF and the presence of a UDP "
    "checksum of received packets"
)
_MAX_CACHED = 1024
"""Peers whose source is kept; any host can send to us."""
_USUAL_TTL = 64
_DISCARD_PORT = 9
"""Any port: nothing is sent there."""


class Source(NamedTuple):
    """How packets leave for one peer: their source address, 4 or 16 octets, and TTL (hop limit)."""

    address: bytes
    ttl: int


SourceOf: TypeAlias = Callable[[str], Source]


class OuterRebuilder:
    """Builds IP packets from datagrams.

    Args:
        port: the UDP port of every VTEP.
        source_of: returns the source for a peer, given its IP address as text. Called once for
            each peer.
    """

    def __init__(self, port: int, source_of: SourceOf) -> None:
        self._port = port
        self._source_of = source_of
        self._sources: dict[str, Source] = {}

    def packet(self, datagram: Sent, payload: bytes, *, is_sent: bool) -> bytes:
        """Return the IP packet with *payload* that was sent to, or came from, a peer."""
        ours = self._sources.get(datagram.peer)
        if ours is None:
            if len(self._sources) >= _MAX_CACHED:
                self._sources.clear()
            ours = self._sources[datagram.peer] = self._source_of(datagram.peer)
        peer = ipaddress.ip_address(datagram.peer).packed
        source, destination = (ours.address, peer) if is_sent else (peer, ours.address)
        ttl = ours.ttl if is_sent else _USUAL_TTL
        headers = Outer(bytes(6), source, destination, datagram.port, self._port, ttl)
        return outer.packet(headers, payload)[ethernet.HEADER_LEN :]


def kernel_source(local: str | None, dev: str | None, *, fallback: str) -> SourceOf:
    """Return a function that looks up the source for a peer in the kernel's routing table.

    Args:
        local: the address our socket is bound to; None if the route decides.
        dev: the device our socket is bound to; None for any.
        fallback: the source address for a peer without a route.
    """

    def source_of(peer: str) -> Source:
        family = socket.AF_INET6 if ":" in peer else socket.AF_INET
        flags = socket.AI_NUMERICHOST
        try:
            [(*_, address), *_] = socket.getaddrinfo(
                peer, _DISCARD_PORT, family, socket.SOCK_DGRAM, 0, flags
            )
        except OSError:  # its scope is a device that is gone
            found = None
        else:
            found = path.find(cast("tuple[str | int, ...]", address), local, dev)
        if found is None:
            return Source(ipaddress.ip_address(fallback).packed, _USUAL_TTL)
        return Source(found.source, found.ttl)

    return source_of
