"""Open the send-only UDP sockets of a VTEP, one for each source port.

Routers and network cards use the source port to distinguish the flows inside the tunnel and to
balance them (RFC 7348 section 5). A UDP socket has one source port, so there are several sockets.
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
"""A socket filter in classic BPF that accepts 0 octets of every packet."""


def open_senders(
    family: int, local: str | None, source_ports: Sequence[range], dev: str | None
) -> list[socket.socket]:
    """Return one bound socket per range of *source_ports*, on the first free port of the range.

    A range without a free and permitted port gets no socket.

    Args:
        family: AF_INET or AF_INET6.
        local: the IP address to bind, with %scope if it is link-local; None for any.
        source_ports: the candidate ports of each socket, in ascending order.
        dev: the only device to send by; None for any.

    Raises:
        HostError: no port is available.
        OSError: any other error of socket(2) and bind(2).
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
            f"srcport {source_ports[0][0]} {source_ports[-1][-1]}: all ports are in use or "
            "reserved for root; give another --srcport"
        )
    return opened


def close(senders: Iterable[socket.socket]) -> None:
    """Close all sockets; closing them again is harmless."""
    for sender in senders:
        sender.close()


def drop_received(sock: socket.socket) -> None:
    """Let the kernel drop received packets before queueing (SO_ATTACH_FILTER, socket(7))."""
    program = array.array("B", _NOTHING)
    address, _ = program.buffer_info()
    fprog = struct.pack("@HP", 1, address)  # struct sock_fprog; the kernel copies the program
    sock.setsockopt(socket.SOL_SOCKET, linux.SO_ATTACH_FILTER, fprog)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # the kernel's minimum


def _bind(sock: socket.socket, address: Any, ports: Iterable[int]) -> bool:
    """Bind to *address* on the first available port of *ports*; return False without one."""
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
