"""Partial checksums and GSO frames that a kernel peer left unfinished on the underlay.

Between namespaces of one machine (veth, no real wire) the kernel's vxlan device leaves the inner
checksum and the segmentation to hardware that does not exist. A UDP socket then receives inner
frames of up to 64 KB whose checksum field holds only the pseudo-header sum. No flag on the wire
says so, but the field does: a finished checksum equals the pseudo-header sum in one packet of
65535, and completing that one again changes nothing. The TAP takes such a frame if its virtio
header describes the remaining work.
"""

import functools

from vtep.wire import ip, virtio

_SYN = 0x02
FINISHED = virtio.pack(virtio.PLAIN)
"""The virtio header of a frame without unfinished work."""


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


def virtio_header_for(
    frame: memoryview, headers: ip.Headers, max_packet: int, gso_size: int = 0
) -> virtio.VirtioHeader | None:
    """Return the virtio header with which the kernel finishes a partial *frame*.

    A TCP packet longer than *max_packet* octets is described as a GSO frame of segments that fit.
    The sender's segment size is lost, and TCP allows any size. A UDP packet that is too long is a
    GSO frame of datagrams of *gso_size*; None if that is 0, because its boundaries are lost.
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


def single_header(
    frame: memoryview, headers: ip.Headers, addresses: int, max_packet: int
) -> bytes | None:
    """Return the packed virtio header of a frame that is delivered alone, if that is simple.

    Args:
        frame: one whole frame.
        headers: those of another frame of its flow, without IP options, extension headers or
            fragments: only their end may differ.
        addresses: the ones' complement sum of its IP addresses.
        max_packet: octets of the longest IP packet that is not a GSO frame.

    Returns:
        FINISHED, or the description of a partial checksum or a TCP GSO frame. None for frames that
        need a closer look: padded, too short, a TCP SYN, a UDP GSO frame.
    """
    version, l3, l4, _, protocol, _ = headers
    if protocol not in (ip.TCP, ip.UDP):
        return FINISHED
    end = len(frame)
    at = l3 + 2 if version == 4 else l3 + 4
    packet = (frame[at] << 8 | frame[at + 1]) + (0 if version == 4 else ip.IPV6_LEN)
    if packet != end - l3:
        return None
    if protocol == ip.TCP:
        if l4 + ip.TCP_LEN > end or frame[l4 + 13] & _SYN:
            return None
        at = l4 + 16
    else:
        if l4 + ip.UDP_LEN > end:
            return None
        at = l4 + 6
    if (frame[at] << 8 | frame[at + 1]) != (addresses + protocol + end - l4 - 1) % 0xFFFF + 1:
        return FINISHED
    if packet <= max_packet:
        return _partial_header(l4, at - l4)
    payload_at = l4 + (frame[l4 + 12] >> 4) * 4
    if protocol == ip.UDP or not l4 + ip.TCP_LEN <= payload_at < end:
        return None
    gso_size = max_packet - (payload_at - l3)
    return _gso_header(version, l4, payload_at, gso_size) if gso_size > 0 else None


def has_tcp_payload(frame: memoryview, l4: int) -> bool:
    """Tell whether a TCP frame with a whole TCP header at *l4* carries payload."""
    return l4 + (frame[l4 + 12] >> 4) * 4 < len(frame)


@functools.lru_cache(maxsize=64)
def _partial_header(l4: int, csum_offset: int) -> bytes:
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, l4, csum_offset)
    return virtio.pack(header)


@functools.lru_cache(maxsize=256)
def _gso_header(version: int, l4: int, payload_at: int, gso_size: int) -> bytes:
    gso_type = virtio.GSO_TCPV4 if version == 4 else virtio.GSO_TCPV6
    offset = ip.CHECKSUM_AT[ip.TCP]
    return virtio.pack(
        virtio.VirtioHeader(virtio.NEEDS_CSUM, gso_type, payload_at, gso_size, l4, offset)
    )


def shift(header: virtio.VirtioHeader, octets: int) -> virtio.VirtioHeader:
    """Return *header* for a frame that begins *octets* earlier (tag pushed), or later if < 0."""
    if octets == 0 or not (header.flags & virtio.NEEDS_CSUM or header.gso_type):
        return header
    return header._replace(
        hdr_len=max(header.hdr_len + octets, 0), csum_start=max(header.csum_start + octets, 0)
    )
