"""Probe how many datagrams this kernel sends in one call."""

import socket
import struct

from vtep.host import linux, senders

SEGMENTS, OLD_SEGMENTS = 128, 64
"""Largest number of datagrams in one send with UDP_SEGMENT (UDP_MAX_SEGMENTS of linux/udp.h): in
Linux 6.9 and later, and in earlier versions."""


def most_segments() -> int:
    """Return the largest number of datagrams in one send: 128, 64, or 1 without UDP_SEGMENT.

    A socket sends 128 datagrams to itself over the loopback and drops them. If that fails, the
    result is 64, which every kernel with UDP_SEGMENT (4.18) supports.
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
