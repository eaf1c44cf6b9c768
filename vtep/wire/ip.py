"""Find the IP and transport headers of a frame (RFC 791, RFC 8200), and sum the pseudo header.

All offsets count from the first octet of the Ethernet frame, as in a virtio header.
"""

import struct
from typing import NamedTuple

from vtep.wire.buffer import Readable
from vtep.wire.checksum import ones_sum
from vtep.wire.ethernet import HEADER_LEN, IPV4, IPV6, QINQ, TAG_LEN, VLAN

ICMP = 1
TCP = 6
UDP = 17
ICMPV6 = 58

IPV4_LEN = 20
IPV6_LEN = 40
TCP_LEN = 20
UDP_LEN = 8
"""Header lengths in octets, without options."""

CHECKSUM_AT = {TCP: 16, UDP: 6}
"""Offset of the checksum in a transport header, by IP protocol."""

_HOP_BY_HOP = 0
_ROUTING = 43
_FRAGMENT = 44
_DESTINATION = 60
_MAX_EXTENSIONS = 8
_MAX_TAGS = 2

# Untagged IPv4: ethertype, version and IHL, total length, fragment, protocol.
_glance = struct.Struct(">12xHBxH2xHxB").unpack_from
_ipv4_at = struct.Struct(">BxH2xHxB").unpack_from
_ipv6_at = struct.Struct(">B3xHB").unpack_from
_extension_at = struct.Struct(">BBH").unpack_from
_word_at = struct.Struct(">H").unpack_from


class Headers(NamedTuple):
    """Result of `locate`: offsets in octets from the start of the frame.

    Attributes:
        version: 4 or 6.
        l3: offset of the IP header.
        l4: offset of the transport header.
        end: end of the packet by its own length field; only Ethernet padding follows.
        protocol: IP protocol of the transport header.
        fragment: whether the packet is a fragment, including the first. Then a transport header
            need not be present at `l4`.
    """

    version: int
    l3: int
    l4: int
    end: int
    protocol: int
    fragment: bool


def locate(frame: Readable) -> Headers | None:
    """Find the IP and transport headers of an Ethernet frame; never raises.

    Skips up to two VLAN tags, IPv4 options, and up to eight IPv6 extension headers (hop-by-hop,
    routing, destination, fragment). Returns None if the frame is not IP, is truncated, or has
    inconsistent lengths. Guarantees l4 <= end <= len(frame); does not guarantee that a full
    transport header is present.
    """
    size = len(frame)
    if size < HEADER_LEN + IPV4_LEN:
        return None
    ethertype, first, total, fragment, protocol = _glance(frame)
    if ethertype == IPV4 and first == 0x45:
        end = 14 + total
        if total < IPV4_LEN or end > size:
            return None
        return Headers(4, 14, 34, end, protocol, fragment & 0x3FFF != 0)
    l3 = HEADER_LEN
    for _ in range(_MAX_TAGS):
        if ethertype not in (VLAN, QINQ):
            break
        (ethertype,) = _word_at(frame, l3 + 2)
        l3 += TAG_LEN
    if ethertype == IPV4:
        return _locate_ipv4(frame, l3)
    if ethertype == IPV6:
        return _locate_ipv6(frame, l3)
    return None


def _locate_ipv4(frame: Readable, l3: int) -> Headers | None:
    # `locate` has checked that these octets exist, even after two tags.
    first, total, fragment, protocol = _ipv4_at(frame, l3)
    header_len = (first & 0x0F) * 4
    end = l3 + total
    if first >> 4 != 4 or header_len < IPV4_LEN or total < header_len or end > len(frame):
        return None
    return Headers(4, l3, l3 + header_len, end, protocol, fragment & 0x3FFF != 0)


def _locate_ipv6(frame: Readable, l3: int) -> Headers | None:
    l4 = l3 + IPV6_LEN
    if l4 > len(frame):
        return None
    first, payload, protocol = _ipv6_at(frame, l3)
    end = l4 + payload
    if first >> 4 != 6 or end > len(frame):
        return None
    for _ in range(_MAX_EXTENSIONS + 1):
        if protocol not in (_HOP_BY_HOP, _ROUTING, _DESTINATION, _FRAGMENT):
            return Headers(6, l3, l4, end, protocol, False)
        if l4 + 8 > end:
            return None
        following, units, position = _extension_at(frame, l4)
        if protocol == _FRAGMENT:
            l4 += 8
            # Offset 0 without More Fragments: an atomic fragment, a complete packet (RFC 6946).
            if position & 0xFFF9:
                return Headers(6, l3, l4, end, following, True)
        else:
            l4 += 8 + units * 8
        if l4 > end:
            return None
        protocol = following
    return None


def address_sum(frame: Readable, headers: Headers) -> int:
    """Return the sum of the two addresses in the IP header."""
    l3 = headers.l3
    return ones_sum(frame[l3 + 12 : l3 + 20] if headers.version == 4 else frame[l3 + 8 : l3 + 40])


def pseudo_header_sum(frame: Readable, headers: Headers, length: int) -> int:
    """Return the sum of the TCP or UDP pseudo header, 1..0xffff, not complemented.

    The kernel leaves this value in the checksum field of a frame with NEEDS_CSUM (a partial
    checksum). The addresses are those of the IP header, so the sum is wrong for a packet whose
    IPv6 routing header has segments left: its final destination is another address.

    Args:
        frame: the Ethernet frame.
        headers: its headers, as `locate` returns them.
        length: octets of transport header and payload (RFC 9293 section 3.1, RFC 768, RFC 8200
            section 8.1).
    """
    return (address_sum(frame, headers) + headers.protocol + length - 1) % 0xFFFF + 1
