"""A whole outer packet in one write: what goes in front of a frame, whose payload is not touched.

The kernel takes, through a TAP with a virtio header of 24 octets (Linux 6.17), a super-frame inside
its UDP tunnel as one packet, and cuts it and finishes both checksums on the way out, or has the
network card do it. So a frame leaves as it was read, behind

    virtio header (24) | Ethernet | IP | UDP | VXLAN (8)       + the frame

All offsets that the virtio header names count from the outer Ethernet header. Nothing here knows
how the kernel got to forward the packet: see host/injector.py.
"""

from vtep.offload.segment import Cut
from vtep.wire import outer as outer_
from vtep.wire import virtio
from vtep.wire.checksum import complement, ones_sum
from vtep.wire.ip import UDP_LEN
from vtep.wire.outer import Outer
from vtep.wire.virtio import VirtioHeader

_MAX_LENGTHS = 2048
"""Most lengths of frames whose headers are kept; there are no more on an underlay of MTU 1500."""


class Envelope:
    """The headers in front of frames of one overlay, sent to one peer from one port.

    Args:
        outer: from where to where.
        prefix: the VXLAN header.

    Attributes:
        outer: as given.
        max_frame: octets of the longest frame that goes into one packet.
    """

    __slots__ = ("_at", "_of_length", "_prefix", "max_frame", "outer")

    def __init__(self, outer: Outer, prefix: bytes) -> None:
        self.outer = outer
        self.max_frame = outer.max_payload - len(prefix)
        self._prefix = prefix
        self._at = outer.udp_at + UDP_LEN + len(prefix)
        self._of_length: dict[int, tuple[bytes, bytes, int]] = {}

    def super_frame(self, length: int, header: VirtioHeader, cut: Cut) -> bytes:
        """Return what goes in front of a super-frame of *length* octets, at most `max_frame`.

        It depends on the arguments alone, and not on the octets of the frame.

        Args:
            length: octets of the frame.
            header: its virtio header, NEEDS_CSUM set.
            cut: what `segment.plan` said: `size` octets of payload become a segment.
        """
        kind = virtio.GSO_UDP_TUNNEL_IPV4 if self.outer.is_ipv4 else virtio.GSO_UDP_TUNNEL_IPV6
        whole = VirtioHeader(
            flags=virtio.NEEDS_CSUM | virtio.UDP_TUNNEL_CSUM,
            gso_type=header.gso_type | kind,
            hdr_len=self._at + cut.payload_at,
            gso_size=cut.size,
            csum_start=self._at + header.csum_start,
            csum_offset=header.csum_offset,
        )
        packed = virtio.pack_tunnel(whole, self.outer.udp_at, self._at + cut.headers.l3)
        return packed + outer_.pack(self.outer, len(self._prefix) + length) + self._prefix

    # HOT PATH
    def frame(self, frame: memoryview, header: VirtioHeader) -> bytes | None:
        """Return what goes in front of a frame that is no super-frame, at most `max_frame` long.

        Of a frame whose checksum is finished the kernel is to sum the outer one. Of one whose
        checksum is only begun (NEEDS_CSUM) it is to finish that; the outer one is known then: what
        the inner checksum covers will sum up to the complement of what its field holds now (local
        checksum offload, Documentation/networking/checksum-offloads.rst).

        Returns:
            None when *header* points outside of the frame.
        """
        known = self._of_length.get(len(frame))
        if known is None:
            known = self._for_length(len(frame))
        finished, begun, total = known
        if not header.flags & virtio.NEEDS_CSUM:
            return finished
        start = header.csum_start
        field = start + header.csum_offset
        if field + 2 > len(frame) or start & 1:
            return None
        total += ones_sum(frame[:start]) + ((frame[field] << 8 | frame[field + 1]) ^ 0xFFFF)
        checksum = complement((total - 1) % 0xFFFF + 1) or 0xFFFF
        whole = VirtioHeader(
            virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, self._at + start, header.csum_offset
        )
        return b"".join(
            (virtio.pack_tunnel(whole), begun, checksum.to_bytes(2, "big"), self._prefix)
        )

    def _for_length(self, length: int) -> tuple[bytes, bytes, int]:
        """Work out what frames of *length* octets have in common.

        Returns:
            All that goes in front of a finished one; of one that is not, the headers up to the
            outer checksum, and the sum of what of them it covers.
        """
        if len(self._of_length) >= _MAX_LENGTHS:
            self._of_length.clear()
        headers = outer_.pack(self.outer, len(self._prefix) + length)
        udp_at = self.outer.udp_at
        whole = VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, udp_at, 6)
        finished = virtio.pack_tunnel(whole) + headers + self._prefix
        # The checksum field holds the pseudo-header sum, and so adds it here.
        total = ones_sum(headers[udp_at:]) + ones_sum(self._prefix)
        known = self._of_length[length] = finished, headers[:-2], total
        return known
