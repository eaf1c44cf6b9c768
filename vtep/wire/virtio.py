"""The virtio network header that a TAP opened with IFF_VNET_HDR puts before every frame.

Layout and constants are those of `struct virtio_net_hdr` in linux/virtio_net.h, 10 octets in the
order of the host (no TUNSETVNETLE). All offsets count from the first octet of the Ethernet frame.

A TAP whose header was made 24 octets long (TUNSETVNETHDRSZ, Linux 6.17) takes super-frames inside
a UDP tunnel: `struct virtio_net_hdr_v1_hash_tunnel`, whose last two fields are little-endian.
"""

import struct
from typing import NamedTuple

from vtep.wire.buffer import Readable

HEADER_LEN = 10
TUNNEL_HEADER_LEN = 24

NEEDS_CSUM = 1
"""Flag: the octets from csum_start on still have to be summed into csum_start + csum_offset."""
DATA_VALID = 2
"""Flag: the checksum was verified by whoever handed the frame over."""
UDP_TUNNEL_CSUM = 8
"""Flag: the outer UDP header has a checksum too, and every segment is to get one."""

GSO_TYPE_AT = 1
"""Where gso_type stands."""
GSO_NONE = 0
GSO_TCPV4 = 1
GSO_TCPV6 = 4
GSO_UDP_L4 = 5
GSO_ECN = 0x80
"""Added to a TCP type: the first segment carries CWR."""
GSO_UDP_TUNNEL_IPV4 = 0x20
GSO_UDP_TUNNEL_IPV6 = 0x40
"""Added to the type of what is inside a UDP tunnel over IPv4 or IPv6."""

_LAYOUT = struct.Struct("=BBHHHH")
_TUNNEL = struct.Struct("<10xHH")
_unpack_from = _LAYOUT.unpack_from


class VirtioHeader(NamedTuple):
    """What is still to be done to a frame: finish its checksum, cut it into segments.

    `hdr_len` is a hint only: on forwarded frames it may be the whole first packet.
    """

    flags: int
    gso_type: int
    hdr_len: int
    gso_size: int
    csum_start: int
    csum_offset: int


PLAIN = VirtioHeader(0, GSO_NONE, 0, 0, 0, 0)
"""A finished frame: nothing to sum, nothing to cut."""


def parse(buf: Readable, at: int = 0) -> VirtioHeader:
    """Read the header at `at`; the caller knows that 10 octets are there (struct.error if not)."""
    return VirtioHeader(*_unpack_from(buf, at))


def pack(header: VirtioHeader) -> bytes:
    """Return the 10 octets of a header."""
    return _LAYOUT.pack(*header)


def pack_tunnel(header: VirtioHeader, outer_l4: int = 0, inner_l3: int = 0) -> bytes:
    """Return the header in 24 octets, with where the outer UDP and the inner IP header start.

    Both are 0 for what is no super-frame. The fields between (number of buffers, hash) mean nothing
    to a TAP and are 0.
    """
    return _LAYOUT.pack(*header) + _TUNNEL.pack(outer_l4, inner_l3)
