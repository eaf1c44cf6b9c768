"""The virtio network header before every frame of a TAP with IFF_VNET_HDR.

Layout and constants are those of `struct virtio_net_hdr` in linux/virtio_net.h, 10 octets in host
byte order (no TUNSETVNETLE). All offsets count from the first octet of the Ethernet frame.

With a header of 24 octets (TUNSETVNETHDRSZ, Linux 6.17) a TAP accepts GSO packets inside a UDP
tunnel: `struct virtio_net_hdr_v1_hash_tunnel`, whose last two fields are little-endian.
"""

import struct
from typing import NamedTuple

from vtep.wire.buffer import Readable

HEADER_LEN = 10
TUNNEL_HEADER_LEN = 24

NEEDS_CSUM = 1
"""Flag: partial checksum. Sum the octets from csum_start on into csum_start + csum_offset."""
DATA_VALID = 2
"""Flag: the sender of the frame has verified its checksum."""
UDP_TUNNEL_CSUM = 8
"""Flag: the outer UDP header has a checksum too; every segment gets one."""

GSO_TYPE_AT = 1
"""Offset of gso_type."""
GSO_NONE = 0
GSO_TCPV4 = 1
GSO_TCPV6 = 4
GSO_UDP_L4 = 5
GSO_ECN = 0x80
"""Added to a TCP type: the first segment carries CWR."""
GSO_UDP_TUNNEL_IPV4 = 0x20
GSO_UDP_TUNNEL_IPV6 = 0x40
"""Added to the type of a packet inside a UDP tunnel over IPv4 or IPv6."""

_LAYOUT = struct.Struct("=BBHHHH")
_TUNNEL = struct.Struct("<10xHH")
_unpack_from = _LAYOUT.unpack_from


class VirtioHeader(NamedTuple):
    """Work that the receiver of a frame still has to do: complete its checksum, segment it.

    `hdr_len` is only a hint: on forwarded frames it may be the length of the first packet.
    """

    flags: int
    gso_type: int
    hdr_len: int
    gso_size: int
    csum_start: int
    csum_offset: int


PLAIN = VirtioHeader(0, GSO_NONE, 0, 0, 0, 0)
"""The header of a complete frame: no checksum to complete, no segments."""


def parse(buf: Readable, at: int = 0) -> VirtioHeader:
    """Return the header at `at`; raise struct.error if fewer than 10 octets are left."""
    return VirtioHeader(*_unpack_from(buf, at))


def pack(header: VirtioHeader) -> bytes:
    """Return the 10 octets of a header."""
    return _LAYOUT.pack(*header)


def pack_tunnel(header: VirtioHeader, outer_l4: int = 0, inner_l3: int = 0) -> bytes:
    """Return the header of 24 octets, with the offsets of the outer UDP and the inner IP header.

    Both are 0 if the packet is not a GSO packet. A TAP ignores the fields between (number of
    buffers, hash); they are 0.
    """
    return _LAYOUT.pack(*header) + _TUNNEL.pack(outer_l4, inner_l3)
