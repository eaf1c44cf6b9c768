"""What this kernel can do with datagrams, found out by trying."""

import socket
import struct

from vtep.host import linux, senders

SEGMENTS, OLD_SEGMENTS = 128, 64
"""The most datagrams in one send with UDP_SEGMENT (UDP_MAX_SEGMENTS of linux/udp.h): of Linux 6.9
and later, and of those before."""


def most_segments() -> int:
    """Return how many datagrams one send may be cut into: 128, 64, or 1 where none can be.

    128 is tried on a socket that sends to itself by the loopback, and drops what comes; where that
    cannot be, 64 is what every kernel with UDP_SEGMENT (4.18) takes.
    """
    size = (socket.IPPROTO_UDP, linux.UDP_SEGMENT, struct.pack("=H", 1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.getsockopt(socket.IPPROTO_UDP, linux.UDP_SEGMENT)
        except OSError:
            return 1
        try:
            senders.drop_received(sock)
            sock.bind(("127.0.0.1", 0))
            sock.sendmsg((bytes(SEGMENTS),), (size,), 0, sock.getsockname())
        except OSError:
            return OLD_SEGMENTS
    return SEGMENTS
