"""Unfinished work of a kernel peer: partial checksums and super-frames that crossed the underlay.

Between namespaces of one machine (veth, no real wire) the kernel's vxlan device leaves the inner
checksum and the segmentation to hardware that never comes: a UDP socket then receives inner
frames whose checksum field holds only the pseudo-header sum, up to 64 KB long.  Nothing on the
wire says so, but the field does: a finished checksum equals the pseudo-header sum in one packet
of 65535, and finishing that one again changes nothing.  The TAP takes such a frame when its
virtio header tells what is left to do.
"""

import functools

from vtep.wire import ip, virtio

_SYN = 0x02
_FINISHED = virtio.pack(virtio.PLAIN)


# HOT PATH
def is_partial(frame: memoryview, headers: ip.Headers, addresses: int) -> bool:
    """Tell whether the TCP or UDP checksum of *frame* is only its pseudo-header sum.

    *addresses* is the ones' complement sum of its IP addresses.
    """
    at = ip.CHECKSUM_AT.get(headers.protocol)
    if at is None or headers.fragment:
        return False
    length = headers.end - headers.l4
    if length < (ip.TCP_LEN if headers.protocol == ip.TCP else ip.UDP_LEN):
        return False
    at += headers.l4
    field = frame[at] << 8 | frame[at + 1]
    return field == (addresses + headers.protocol + length - 1) % 0xFFFF + 1


def describe(
    frame: memoryview, headers: ip.Headers, max_packet: int, gso_size: int = 0
) -> virtio.VirtioHeader | None:
    """Return the virtio header that has the kernel finish a partial *frame*.

    A TCP packet longer than *max_packet* octets is described as a super-frame of segments that
    fit; the sender's own segment size is not known any more, and any size is right for TCP.
    A UDP packet that is too long is a super-frame of datagrams of *gso_size*; None when that is 0:
    its datagram boundaries are lost.
    """
    csum_offset = ip.CHECKSUM_AT[headers.protocol]
    plain = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, headers.l4, csum_offset)
    if headers.end - headers.l3 <= max_packet:
        return plain
    if headers.protocol != ip.TCP:
        if not 0 < gso_size <= max_packet - (headers.l4 - headers.l3) - ip.UDP_LEN:
            return None
        hdr_len = headers.l4 + ip.UDP_LEN
        return plain._replace(gso_type=virtio.GSO_UDP_L4, hdr_len=hdr_len, gso_size=gso_size)
    payload_at = headers.l4 + (frame[headers.l4 + 12] >> 4) * 4
    gso_size = max_packet - (payload_at - headers.l3)
    if payload_at < headers.l4 + ip.TCP_LEN or gso_size <= 0:
        return None
    gso_type = virtio.GSO_TCPV4 if headers.version == 4 else virtio.GSO_TCPV6
    return plain._replace(gso_type=gso_type, hdr_len=payload_at, gso_size=gso_size)


# HOT PATH
def lone(frame: memoryview, headers: ip.Headers, addresses: int, max_packet: int) -> bytes | None:
    """Return the virtio header, in octets, of a TCP frame that nothing could be joined to.

    That is an unfinished super-frame, and a segment without payload, finished or not.

    Args:
        frame: one whole frame.
        headers: those of another frame of its flow, without IP options or extension headers: only
            their end may differ.
        addresses: the ones' complement sum of its IP addresses.
        max_packet: octets of the longest IP packet that is no super-frame.

    Returns:
        None for every other frame, a fragment too, and for a SYN, whose MSS is to be seen to.
    """
    version, l3, l4, _, _, fragment = headers
    if fragment:
        return None
    end = len(frame)
    at = l3 + 2 if version == 4 else l3 + 4
    packet = (frame[at] << 8 | frame[at + 1]) + (0 if version == 4 else ip.IPV6_LEN)
    if packet != end - l3 or l4 + ip.TCP_LEN > end or frame[l4 + 13] & _SYN:
        return None
    payload_at = l4 + (frame[l4 + 12] >> 4) * 4
    begun = (frame[l4 + 16] << 8 | frame[l4 + 17]) == (
        addresses + ip.TCP + end - l4 - 1
    ) % 0xFFFF + 1
    if payload_at == end:
        return _packed(4, l4, 0, 0) if begun else _FINISHED
    if not begun or packet <= max_packet or payload_at < l4 + ip.TCP_LEN:
        return None
    gso_size = max_packet - (payload_at - l3)
    return _packed(version, l4, payload_at, gso_size) if gso_size > 0 else None


@functools.lru_cache(maxsize=256)
def _packed(version: int, l4: int, payload_at: int, gso_size: int) -> bytes:
    """Return the virtio header of a TCP frame whose checksum is begun; of a super-frame if > 0."""
    tcp = virtio.GSO_TCPV4 if version == 4 else virtio.GSO_TCPV6
    gso_type = tcp if gso_size else virtio.GSO_NONE
    return virtio.pack(
        virtio.VirtioHeader(
            virtio.NEEDS_CSUM, gso_type, payload_at, gso_size, l4, ip.CHECKSUM_AT[ip.TCP]
        )
    )


def shift(header: virtio.VirtioHeader, octets: int) -> virtio.VirtioHeader:
    """Return *header* for a frame that begins *octets* earlier (a tag pushed), or later if < 0."""
    if octets == 0 or not (header.flags & virtio.NEEDS_CSUM or header.gso_type):
        return header
    return header._replace(
        hdr_len=max(header.hdr_len + octets, 0), csum_start=max(header.csum_start + octets, 0)
    )
