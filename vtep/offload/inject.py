"""The headers in front of datagrams that are injected as one outer packet; payload is not touched.

Through a TAP with a virtio header of 24 octets (Linux 6.17) the kernel takes a GSO frame inside its
UDP tunnel as one packet. It segments it and completes both checksums on the way out, or leaves that
to the network card. So a GSO frame leaves as it was read, its VXLAN header in front, behind

    virtio header (24) | Ethernet (14) | IP (20 or 40) | UDP (8)

Finished datagrams leave behind the same headers, one or several in a row as with UDP_SEGMENT. All
offsets in the virtio header count from the outer Ethernet header. host/injector.py makes the kernel
forward the packet.
"""

from collections.abc import Sequence
from typing import NamedTuple

from vtep.bounded_cache import BoundedCache
from vtep.wire import ip, outer, virtio, vxlan
from vtep.wire.outer import Outer
from vtep.wire.virtio import VirtioHeader

MAX_PAYLOAD = outer.MAX_PACKET - ip.IPV4_LEN - ip.UDP_LEN
"""Most octets of datagrams, or of a GSO frame and its VXLAN header, in one packet over IPv4."""

_MAX_PREFIXES = 64
"""Most prefixes kept of each kind per peer and source port: a bulk flow has a few."""


class GsoLayout(NamedTuple):
    """What GSO frames with the same headers and segment size have in common.

    Attributes:
        header: their virtio header, NEEDS_CSUM set.
        l3: where the inner IP header begins, in octets from the start of the frame.
        payload_at: where the payload begins.
        size: octets of payload in a full segment.
    """

    header: VirtioHeader
    l3: int
    payload_at: int
    size: int


class GsoFrame(NamedTuple):
    """One GSO frame that the kernel segments.

    Attributes:
        layout: of its headers.
        length: octets of the frame and its VXLAN header.
        segments: how many datagrams the kernel makes of it.
        octets: of all these datagrams, VXLAN headers included.
    """

    layout: GsoLayout
    length: int
    segments: int
    octets: int

    @classmethod
    def of(cls, layout: GsoLayout, end: int) -> "GsoFrame":
        """Return the description of a frame that ends at *end*."""
        payload = end - layout.payload_at
        segments = -(-payload // layout.size)
        octets = segments * (vxlan.HEADER_LEN + layout.payload_at) + payload
        return cls(layout, vxlan.HEADER_LEN + end, segments, octets)


class OuterTemplate:
    """Makes the prefixes of packets that take one path; keeps those it made last.

    Args:
        outer: source and destination of the path.

    Attributes:
        outer: as given.
    """

    __slots__ = ("_datagrams", "_gso_frames", "outer")

    def __init__(self, outer: Outer) -> None:
        self.outer = outer
        self._datagrams: BoundedCache[tuple[int, int], bytes] = BoundedCache(_MAX_PREFIXES)
        self._gso_frames: BoundedCache[GsoFrame, bytes] = BoundedCache(_MAX_PREFIXES)

    def datagrams(self, octets: int, segment_size: int = 0) -> bytes:
        """Return the prefix of one datagram, or of several of *segment_size* in a row.

        The kernel segments them and computes the checksums (net/ipv4/udp_offload.c).

        Args:
            octets: of all together, at most MAX_PAYLOAD.
            segment_size: of each except the last; 0 for one datagram.
        """
        key = octets, segment_size
        prefix = self._datagrams.get(key)
        if prefix is not None:
            return prefix
        udp_at = self.outer.udp_at
        header = VirtioHeader(
            flags=virtio.NEEDS_CSUM,
            gso_type=virtio.GSO_UDP_L4 if segment_size else virtio.GSO_NONE,
            hdr_len=udp_at + ip.UDP_LEN if segment_size else 0,
            gso_size=segment_size,
            csum_start=udp_at,
            csum_offset=ip.CHECKSUM_AT[ip.UDP],
        )
        made = virtio.pack_tunnel(header) + outer.pack(self.outer, octets)
        return self._datagrams.put(key, made)

    def gso_frame(self, gso: GsoFrame) -> bytes:
        """Return the prefix of a GSO frame and its VXLAN header, MAX_PAYLOAD octets at most."""
        prefix = self._gso_frames.get(gso)
        return prefix if prefix is not None else self._gso_frames.put(gso, self._pack(gso))

    def _pack(self, gso: GsoFrame) -> bytes:
        """Describe a GSO frame whose inner and outer checksums are both partial."""
        header, l3, payload_at, size = gso.layout
        at = self.outer.udp_at + ip.UDP_LEN + vxlan.HEADER_LEN
        is_ipv4 = self.outer.is_ipv4
        tunnel = virtio.GSO_UDP_TUNNEL_IPV4 if is_ipv4 else virtio.GSO_UDP_TUNNEL_IPV6
        described = VirtioHeader(
            flags=virtio.NEEDS_CSUM | virtio.UDP_TUNNEL_CSUM,
            gso_type=header.gso_type | tunnel,
            hdr_len=at + payload_at,
            gso_size=size,
            csum_start=at + header.csum_start,
            csum_offset=header.csum_offset,
        )
        prefix = virtio.pack_tunnel(described, self.outer.udp_at, at + l3)
        return prefix + outer.pack(self.outer, gso.length)


class OuterTemplates(dict[int, OuterTemplate]):
    """The outer templates of one peer, one per UDP source port, made when needed.

    Args:
        outer: source and destination; its source port is replaced.
        ports: the UDP source ports by index.

    Attributes:
        outer: as given.
    """

    def __init__(self, outer: Outer, ports: Sequence[int]) -> None:
        super().__init__()
        self.outer = outer
        self._ports = ports

    def __missing__(self, sport_index: int) -> OuterTemplate:
        """Make the template of a source port, and keep it."""
        made = OuterTemplate(self.outer._replace(source_port=self._ports[sport_index]))
        self[sport_index] = made
        return made
