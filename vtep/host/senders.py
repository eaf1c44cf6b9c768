"""The sockets a VTEP sends by: each has a source port of its own, and hears nothing.

The source port tells the flows inside the tunnel apart for routers and network cards, which
spread by it (RFC 7348 section 5).  A UDP socket has one, so there are several.
"""

import array
import errno
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from vtep.errors import HostError
from vtep.host import linux, udp

_NOTHING = struct.pack("=HBBI", linux.BPF_RET, 0, 0, 0)
"""A socket filter in classic BPF: take 0 octets of whatever comes."""


def open_senders(
    family: int, local: str | None, source_ports: Sequence[range], dev: str | None
) -> list[socket.socket]:
    """Return one bound socket per range of *source_ports*, on the first port that is free.

    A range whose ports are all taken or not permitted gets no socket.

    Args:
        family: AF_INET or AF_INET6.
        local: the IP address to bind, with %scope where it is link-local; None for any.
        source_ports: the ports that each socket may take, in ascending order.
        dev: the only device to send by; None for any.

    Raises:
        HostError: not one port can be had.
        OSError: as socket(7) and bind(2) say.
    """
    address = udp.bind_address(family, local, 0)
    opened: list[socket.socket] = []
    try:
        for ports in source_ports:
            opened.append(udp.open_socket(family, dev))
            drop_received(opened[-1])
            if not _bind(opened[-1], address, ports):
                opened.pop().close()
    except BaseException:
        close(opened)
        raise
    if not opened:
        raise HostError(
            f"no UDP port of {source_ports[0][0]}..{source_ports[-1][-1]} can be had to send from: "
            "they are in use, or for root only; give another --srcport"
        )
    return opened


def close(senders: Iterable[socket.socket]) -> None:
    """Close them all.  Harmless when closed."""
    for sender in senders:
        sender.close()


def drop_received(sock: socket.socket) -> None:
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
