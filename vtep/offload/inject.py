"""A whole outer packet in one write: what goes in front of datagrams, whose octets are not touched.

The kernel takes, through a TAP with a virtio header of 24 octets (Linux 6.17), a super-frame inside
its UDP tunnel as one packet, and cuts it and finishes both checksums on the way out, or has the
network card do it. So a super-frame leaves as it was read, VXLAN header in front, behind

    virtio header (24) | Ethernet (14) | IP (20 or 40) | UDP (8)

and finished datagrams leave behind the same, one or several in a row as with UDP_SEGMENT. All
offsets that the virtio header names count from the outer Ethernet header. How the kernel is brought
to forward the packet is not known here: see host/injector.py.
"""

from collections.abc import Sequence

from vtep.offload.segment import Cut
from vtep.wire import ip, outer, virtio, vxlan
from vtep.wire.outer import Outer
from vtep.wire.virtio import VirtioHeader

MAX_PAYLOAD = outer.MAX_PACKET - ip.IPV4_LEN - ip.UDP_LEN
"""Most octets of datagrams, or of a super-frame and its VXLAN header, in one packet over IPv4."""

_MAX_FRONTS = 64
"""Most fronts that are kept of each kind for a peer and a lane: a bulk flow has a few."""


class Whole:
    """What super-frames have in common that leave uncut behind one and the same front.

    Attributes:
        header: their virtio header, NEEDS_CSUM set.
        cut: how the kernel is to cut them.
        length: octets of one with its VXLAN header.
        rows: segments of each.
        octets: of all its segments with their VXLAN headers.
        fits: whether it goes into one packet.
    """

    __slots__ = ("cut", "fits", "header", "length", "octets", "rows")

    def __init__(self, header: VirtioHeader, cut: Cut) -> None:
        self.header = header
        self.cut = cut
        self.length = vxlan.HEADER_LEN + cut.headers.end
        self.rows = cut.rows
        self.octets = self.rows * (vxlan.HEADER_LEN + cut.payload_at) + cut.payload
        self.fits = self.length <= MAX_PAYLOAD


class Envelope:
    """The fronts of what is sent one way; each is made once and kept.

    Args:
        way: from where to where.

    Attributes:
        way: as given.
    """

    __slots__ = ("_datagrams", "_super_frames", "way")

    def __init__(self, way: Outer) -> None:
        self.way = way
        self._datagrams: dict[tuple[int, int], bytes] = {}
        self._super_frames: dict[Whole, bytes] = {}

    # HOT PATH
    def datagrams(self, octets: int, segment_size: int = 0) -> bytes:
        """Return what goes in front of one datagram, or of several of *segment_size* in a row.

        The kernel cuts, and sums what it sends (net/ipv4/udp_offload.c).

        Args:
            octets: of all together, at most MAX_PAYLOAD.
            segment_size: of each but the last; 0 for one datagram.
        """
        front = self._datagrams.get((octets, segment_size))
        if front is None:
            if len(self._datagrams) >= _MAX_FRONTS:
                self._datagrams.clear()
            udp_at = self.way.udp_at
            header = VirtioHeader(
                flags=virtio.NEEDS_CSUM,
                gso_type=virtio.GSO_UDP_L4 if segment_size else virtio.GSO_NONE,
                hdr_len=udp_at + ip.UDP_LEN if segment_size else 0,
                gso_size=segment_size,
                csum_start=udp_at,
                csum_offset=ip.CHECKSUM_AT[ip.UDP],
            )
            front = virtio.pack_tunnel(header) + outer.pack(self.way, octets)
            self._datagrams[octets, segment_size] = front
        return front

    # HOT PATH
    def super_frame(self, whole: Whole) -> bytes:
        """Return what goes in front of a super-frame with its VXLAN header; *whole* must fit."""
        front = self._super_frames.get(whole)
        if front is None:
            if len(self._super_frames) >= _MAX_FRONTS:
                self._super_frames.clear()
            front = self._super_frames[whole] = self._pack(whole)
        return front

    def _pack(self, whole: Whole) -> bytes:
        """Describe a super-frame whose inner and outer checksums are both only begun."""
        at = self.way.udp_at + ip.UDP_LEN + vxlan.HEADER_LEN
        is_ipv4 = self.way.is_ipv4
        kind = virtio.GSO_UDP_TUNNEL_IPV4 if is_ipv4 else virtio.GSO_UDP_TUNNEL_IPV6
        header = VirtioHeader(
            flags=virtio.NEEDS_CSUM | virtio.UDP_TUNNEL_CSUM,
            gso_type=whole.header.gso_type | kind,
            hdr_len=at + whole.cut.payload_at,
            gso_size=whole.cut.size,
            csum_start=at + whole.header.csum_start,
            csum_offset=whole.header.csum_offset,
        )
        front = virtio.pack_tunnel(header, self.way.udp_at, at + whole.cut.headers.l3)
        return front + outer.pack(self.way, whole.length)


class Envelopes(dict[int, Envelope]):
    """The envelopes of the way to one peer by lane, each made when it is wanted.

    Args:
        way: from where to where; its source port counts for nothing.
        ports: the source port of each lane.

    Attributes:
        way: as given.
    """

    def __init__(self, way: Outer, ports: Sequence[int]) -> None:
        super().__init__()
        self.way = way
        self._ports = ports

    def __missing__(self, lane: int) -> Envelope:
        """Make it, and keep it."""
        made = self[lane] = Envelope(self.way._replace(source_port=self._ports[lane]))
        return made
