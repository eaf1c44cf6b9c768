"""Open the UDP sockets of a VTEP: non-blocking, without fragmentation, with large buffers."""

import socket
from contextlib import suppress
from typing import Any

from vtep.host import linux

BUFFER_OCTETS = 8 << 20
"""Socket buffer size for each direction, 6 ms at 10 Gb/s. It is a limit, not allocated memory."""


def open_socket(family: int, dev: str | None) -> socket.socket:
    """Return a new non-blocking UDP socket, not bound yet.

    A VTEP must not fragment (RFC 7348 section 4.3), so a datagram larger than the path MTU fails
    with EMSGSIZE (IP_PMTUDISC_DO). This also sets Don't Fragment, which is our choice: then routers
    report their MTU instead of fragmenting. An IPv6 socket does not receive IPv4.

    Args:
        family: AF_INET or AF_INET6.
        dev: the only device to send and receive by; None for any.

    Raises:
        OSError: an error of socket(7).
    """
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, linux.IPV6_MTU_DISCOVER, linux.IPV6_PMTUDISC_DO)
            sock.setsockopt(socket.IPPROTO_IPV6, linux.IPV6_DONTFRAG, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, linux.IP_MTU_DISCOVER, linux.IP_PMTUDISC_DO)
        if dev is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode() + b"\0")
        _enlarge(sock, linux.SO_SNDBUFFORCE, socket.SO_SNDBUF)
    except BaseException:
        sock.close()
        raise
    return sock


def enlarge_receive_buffer(sock: socket.socket) -> None:
    """Set the receive buffer to BUFFER_OCTETS, or to the system's limit."""
    _enlarge(sock, linux.SO_RCVBUFFORCE, socket.SO_RCVBUF)


def bind_address(family: int, local: str | None, port: int) -> Any:
    """Return the socket address to bind; getaddrinfo translates the scope to its number."""
    flags = socket.AI_NUMERICHOST | socket.AI_PASSIVE
    return socket.getaddrinfo(local, port, family, socket.SOCK_DGRAM, flags=flags)[0][4]


def _enlarge(sock: socket.socket, forced: int, polite: int) -> None:
    """Set a buffer to BUFFER_OCTETS; without the privilege, to at most the system's limit."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER_OCTETS)
    except PermissionError:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, polite, BUFFER_OCTETS)
