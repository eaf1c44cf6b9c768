"""The headers around a VXLAN datagram: Ethernet, IP and UDP, from this host to one peer.

`pack` leaves a partial checksum: the UDP checksum field holds the pseudo-header sum, as
`udp_set_csum` of net/ipv4/udp.c writes it for a GSO packet. This host's kernel forwards the packet
as a router does, so `pack` adds one to the TTL.
"""

import struct
from typing import NamedTuple

from vtep.wire import ethernet, ip
from vtep.wire.checksum import complement, ones_sum

MAX_PACKET = 65535
"""Most octets of an IPv4 packet, or of an IPv6 packet's payload: the length field has 16 bits."""

_DONT_FRAGMENT = 0x4000
_FROM_MAC = b"\x02\x00\x00\x00\x00\x01"
"""Source MAC, which the kernel ignores."""
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_IPV6 = struct.Struct(">IHBB16s16s")
_UDP = struct.Struct(">HHHH")
_LENGTHS = struct.Struct(">HH")


class Outer(NamedTuple):
    """The addresses of an outer packet.

    Attributes:
        mac: MAC of the device by which the packet enters this host's kernel.
        source: underlay address of this host, 4 or 16 octets.
        destination: underlay address of the peer.
        source_port: UDP source port.
        port: UDP port of the peer.
        ttl: TTL, or hop limit over IPv6, of the packet as it leaves this host, 1..254.
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
        """Offset of the UDP header in octets."""
        return ethernet.HEADER_LEN + (ip.IPV4_LEN if self.is_ipv4 else ip.IPV6_LEN)

    @property
    def max_payload(self) -> int:
        """Most octets of UDP payload in one packet."""
        return MAX_PACKET - ip.UDP_LEN - (ip.IPV4_LEN if self.is_ipv4 else 0)


def pack(outer: Outer, payload: int) -> bytes:
    """Return the headers, 42 or 62 octets, of a packet with *payload* octets of UDP payload.

    DF is set, so the IPv4 ID may be 0 (RFC 6864 section 4.1). The last two octets are the UDP
    checksum field.

    Raises:
        ValueError: *payload* is larger than `max_payload`.
    """
    if not 0 <= payload <= outer.max_payload:
        raise ValueError(f"payload of {payload} octets: too long; use 0..{outer.max_payload}")
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
    """Return a complete packet as the next host receives it: TTL as given, UDP checksum complete.

    Raises:
        ValueError: the payload is longer than `max_payload`.
    """
    whole = pack(outer._replace(ttl=outer.ttl - 1), len(payload)) + payload
    # The checksum field holds the pseudo-header sum, so this sum covers all that the checksum does.
    checksum = complement(ones_sum(whole[outer.udp_at :])) or 0xFFFF
    at = outer.udp_at + ip.CHECKSUM_AT[ip.UDP]
    return whole[:at] + checksum.to_bytes(2, "big") + whole[at + 2 :]
