"""Datagrams of ours as the packets they are on the underlay.

A program with a UDP socket sees neither IP nor UDP header: they are written here as the kernel
writes them.  What cannot be known has the value that is usual: TTL 64, no IPv4 ID, no DSCP.
"""

import ipaddress

from vtep.observe import Sent
from vtep.offload.segment import complete_checksum
from vtep.wire import ethernet, ip, outer, virtio

_TTL = 64


def packet(local: str, port: int, sent: Sent, *, to_us: bool) -> bytes | None:
    """Return a datagram with IP and UDP header in front of it.

    None where one packet cannot hold it: an injected super-frame, or one of no known port.

    Args:
        local: our address.
        port: the UDP port that VXLAN is sent to.
        sent: the datagram.
        to_us: it was received.
    """
    ends = [ipaddress.ip_address(address).packed for address in (local, sent.peer)]
    source, destination = reversed(ends) if to_us else ends
    # outer.pack writes for a router, which takes one off the TTL
    around = outer.Outer(bytes(6), source, destination, sent.port, port, _TTL - 1)
    if not sent.port or len(sent.payload) > around.max_payload:
        return None
    octets = bytearray(outer.pack(around, len(sent.payload)) + sent.payload)
    begun = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, around.udp_at, ip.CHECKSUM_AT[ip.UDP])
    complete_checksum(memoryview(octets), begun)
    return bytes(octets[ethernet.HEADER_LEN :])
