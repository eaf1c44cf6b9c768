"""The sockets a VTEP sends by: each has a source port of its own, and hears nothing.

The source port tells the flows inside the tunnel apart for routers and network cards, which
spread by it (RFC 7348 section 5).  A UDP socket has one, so there are several.
"""

import array
import errno
import socket
import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from vtep.host import linux, udp
from vtep.host.linux import HostError

SENDERS = 64
"""Most source ports: more than a router has equal ways or a network card has queues.  Each is a
file descriptor, of 1024 that a process commonly may have, and 3 KB of the kernel's memory."""

_NOTHING = struct.pack("=HBBI", linux.BPF_RET, 0, 0, 0)
"""A socket filter in classic BPF: take 0 octets of whatever comes."""


def open_senders(
    family: int, local: str | None, ports: tuple[int, int], dev: str | None
) -> list[socket.socket]:
    """Return up to SENDERS sockets, bound to ports spread evenly over *ports*.

    Ports that are taken, or not permitted, are passed over.

    Args:
        family: AF_INET or AF_INET6.
        local: the IP address to bind, with %scope where it is link-local; None for any.
        ports: the first and the last.
        dev: the only device to send by; None for any.

    Raises:
        HostError: not one port can be had.
        OSError: as socket(7) and bind(2) say.
    """
    first, last = ports
    address = udp.bind_address(family, local, 0)
    opened: list[socket.socket] = []
    try:
        for part in lane_ports(first, last):
            opened.append(udp.open_socket(family, dev))
            hear_nothing(opened[-1])
            if not _bind(opened[-1], address, part):
                opened.pop().close()
    except BaseException:
        close(opened)
        raise
    if not opened:
        raise HostError(
            f"no UDP port of {first}..{last} can be had to send from: "
            "they are in use, or for root only; give another --srcport"
        )
    return opened


def lane_ports(first: int, last: int) -> list[range]:
    """Return for each sender the ports it may have; it takes the first of them that is free.

    They are SENDERS equal parts of first..last, fewer where there are not so many ports.
    """
    width = last - first + 1
    count = min(SENDERS, width)
    edges = [first + width * number // count for number in range(count + 1)]
    return [range(start, end) for start, end in pairwise(edges)]


def close(senders: Iterable[socket.socket]) -> None:
    """Close them all.  Harmless when closed."""
    for sender in senders:
        sender.close()


def hear_nothing(sock: socket.socket) -> None:
    """Have the kernel drop what arrives at once: nobody reads it (SO_ATTACH_FILTER, socket(7))."""
    program = array.array("B", _NOTHING)
    address, _ = program.buffer_info()
    fprog = struct.pack("@HP", 1, address)  # struct sock_fprog; the kernel copies the program
    sock.setsockopt(socket.SOL_SOCKET, linux.SO_ATTACH_FILTER, fprog)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # the least there is


def _bind(sock: socket.socket, address: Any, ports: Iterable[int]) -> bool:
    """Bind to *address* on the first of *ports* that can be had; tell whether one could."""
    host, _, *scope = address
    for port in ports:
        try:
            sock.bind((host, port, *scope))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return True
    return False
