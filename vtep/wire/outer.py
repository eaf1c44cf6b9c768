"""The headers around a VXLAN datagram: Ethernet, IP and UDP, from this host to one peer.

They are written as the kernel takes them from a network card that leaves the UDP checksum to it:
the field holds the pseudo-header sum, which is all that is known before the payload is summed (and
what `udp_set_csum` of net/ipv4/udp.c writes for a super-frame). The packet is for a router, this
host's kernel, that takes one off its TTL.
"""

import struct
from typing import NamedTuple

from vtep.wire import ethernet, ip
from vtep.wire.checksum import complement, ones_sum

MAX_PACKET = 65535
"""Octets of an IPv4 packet, or of an IPv6 packet's payload: their length fields have 16 bits."""

_DONT_FRAGMENT = 0x4000
_FROM_MAC = b"\x02\x00\x00\x00\x00\x01"
"""Nobody: the kernel does not look at it."""
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_IPV6 = struct.Struct(">IHBB16s16s")
_UDP = struct.Struct(">HHHH")
_LENGTHS = struct.Struct(">HH")


class Outer(NamedTuple):
    """From where to where.

    Attributes:
        mac: six octets, of the device at which the packet comes into this host's kernel.
        source: the underlay address we send from, 4 or 16 octets.
        destination: the peer's.
        source_port: the UDP port we send from.
        port: the UDP port of the peer.
        ttl: of the packet as it leaves this host, 1..254; the hop limit over IPv6.
    """

    mac: bytes
    source: bytes
    destination: bytes
    source_port: int
    port: int
    ttl: int

    @property
    def is_ipv4(self) -> bool:
        """Tell whether the underlay is IPv4."""
        return len(self.source) == 4

    @property
    def udp_at(self) -> int:
        """Octets in front of the UDP header."""
        return ethernet.HEADER_LEN + (ip.IPV4_LEN if self.is_ipv4 else ip.IPV6_LEN)

    @property
    def max_payload(self) -> int:
        """Octets of UDP payload that one packet holds at most."""
        return MAX_PACKET - ip.UDP_LEN - (ip.IPV4_LEN if self.is_ipv4 else 0)


def pack(outer: Outer, payload: int) -> bytes:
    """Return the headers of a packet with that many octets of UDP payload, 42 or 62 octets.

    DF is set, and the IPv4 ID is 0, as it may be then (RFC 6864 section 4.1). The last two octets
    are the UDP checksum field.

    Raises:
        ValueError: more than `max_payload`.
    """
    if not 0 <= payload <= outer.max_payload:
        raise ValueError(f"{payload} octets do not fit a packet: at most {outer.max_payload} do")
    length = ip.UDP_LEN + payload
    ttl = outer.ttl + 1
    addresses = outer.source + outer.destination
    if outer.is_ipv4:
        total = ip.IPV4_LEN + length
        fields = (0x45, 0, total, 0, _DONT_FRAGMENT, ttl, ip.UDP)
        bare = _IPV4.pack(*fields, 0, outer.source, outer.destination)
        packed = _IPV4.pack(*fields, complement(ones_sum(bare)), outer.source, outer.destination)
        ethertype = ethernet.IPV4
    else:
        packed = _IPV6.pack(0x60000000, length, ip.UDP, ttl, outer.source, outer.destination)
        ethertype = ethernet.IPV6
    pseudo = ones_sum(addresses + _LENGTHS.pack(ip.UDP, length))
    return (
        outer.mac
        + _FROM_MAC
        + ethertype.to_bytes(2, "big")
        + packed
        + _UDP.pack(outer.source_port, outer.port, length, pseudo)
    )


def packet(outer: Outer, payload: bytes) -> bytes:
    """Return a whole packet as the next host receives it: TTL as given, UDP checksum complete.

    Raises:
        ValueError: the payload is longer than `max_payload`.
    """
    whole = pack(outer._replace(ttl=outer.ttl - 1), len(payload)) + payload
    # The checksum field holds the pseudo-header sum, so the sum of these octets is the whole sum.
    checksum = complement(ones_sum(whole[outer.udp_at :])) or 0xFFFF
    at = outer.udp_at + ip.CHECKSUM_AT[ip.UDP]
    return whole[:at] + checksum.to_bytes(2, "big") + whole[at + 2 :]
