"""The UDP socket of a VTEP: datagrams to and from all peers, never fragmented."""

import errno
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from vtep.host import linux
from vtep.host.linux import Buffer

BUFFER_OCTETS = 8 << 20
"""Asked for in each direction: at 10 Gb/s it holds 6 ms."""

_SEGMENT_SIZE = struct.Struct("=H")
_MERGED_SIZE = struct.Struct("=i")
_CONTROL_LEN = socket.CMSG_SPACE(_MERGED_SIZE.size)

_MAX_ERRORS = 64
"""Most pending errors passed over in one receive()."""


class Underlay:
    """One non-blocking UDP socket, bound and never connected.

    The port is ours alone (no SO_REUSEADDR or SO_REUSEPORT).  The Don't Fragment bit is set and
    the path MTU obeyed (IP_PMTUDISC_DO): a datagram that is too large fails with EMSGSIZE, as a
    VTEP must not fragment (RFC 7348 section 4.3).  On IPv6 a UDP checksum of zero is accepted
    (section 5 there; UDP_NO_CHECK6_RX).

    Args:
        family: AF_INET or AF_INET6; an IPv6 socket takes no IPv4.
        local: the IP address to bind, with %scope where it is link-local; None for any.
        port: the UDP port to bind; 0 lets the kernel choose.
        dev: the only device to send and receive by; None for any.

    Raises:
        OSError: as bind(2) and socket(7) say; EADDRINUSE where the port is taken.
    """

    def __init__(self, family: int, local: str | None, port: int, dev: str | None) -> None:
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._receive = self._socket.recvmsg_into
        try:
            if family == socket.AF_INET6:
                _set_up_ipv6(self._socket)
            else:
                self._socket.setsockopt(
                    socket.IPPROTO_IP, linux.IP_MTU_DISCOVER, linux.IP_PMTUDISC_DO
                )
            if dev is not None:
                self._socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode() + b"\0"
                )
            with suppress(OSError):  # Linux before 5.0: each datagram comes alone
                self._socket.setsockopt(socket.IPPROTO_UDP, linux.UDP_GRO, 1)
            _enlarge(self._socket, linux.SO_RCVBUFFORCE, socket.SO_RCVBUF)
            _enlarge(self._socket, linux.SO_SNDBUFFORCE, socket.SO_SNDBUF)
            self._socket.bind(_bind_address(family, local, port))
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the file descriptor, to wait for datagrams."""
        return self._socket.fileno()

    # HOT PATH
    def receive(self, buffer: memoryview) -> tuple[int, str, int] | None:
        """Receive one message into *buffer*; None when none waits.

        A message is a datagram, or several of one sender that the kernel merged (UDP_GRO, udp(7)).

        A buffer must hold 65,535 octets; what does not fit is cut off by the kernel.  A pending
        error (an ICMP message about something we sent) is passed over.

        Returns:
            Octets; the sender's IP as text, a link-local one with the %number of its device;
            octets of each datagram but the last, or 0 where there is one.
        """
        for _ in range(_MAX_ERRORS):
            try:
                length, control, _, sender = self._receive((buffer,), _CONTROL_LEN)
            except BlockingIOError:
                return None
            except OSError:
                # The kernel reports a pending error once, in place of a datagram.
                continue
            size = _MERGED_SIZE.unpack(control[0][2])[0] if control else 0
            if len(sender) == 4 and sender[3]:
                return length, f"{sender[0]}%{sender[3]}", size
            return length, sender[0], size
        return None

    # HOT PATH
    def send(
        self,
        parts: Sequence[Buffer],
        address: tuple[str | int, ...],
        segment_size: int = 0,
        flow: int = 0,
    ) -> int:
        """Send to a socket address; return 0, or the errno if it did not leave.

        Args:
            parts: one UDP payload; with *segment_size* several in a row, each of that length but
                the last, which the kernel makes datagrams of (UDP_SEGMENT, udp(7)).
            address: where to.
            segment_size: 0 for one datagram.
            flow: the same for datagrams that are to have one source port.
        """
        try:
            if segment_size:
                size = _SEGMENT_SIZE.pack(segment_size)
                control = (socket.IPPROTO_UDP, linux.UDP_SEGMENT, size)
                self._socket.sendmsg(parts, (control,), 0, address)
            else:
                self._socket.sendmsg(parts, (), 0, address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def overflows(self) -> int:
        """Return how many datagrams found the receive buffer full, so far (SO_MEMINFO)."""
        memory = self._socket.getsockopt(socket.SOL_SOCKET, linux.SO_MEMINFO, linux.SK_MEMINFO.size)
        return int(linux.SK_MEMINFO.unpack(memory)[linux.SK_MEMINFO_DROPS])

    def close(self) -> None:
        """Close the socket.  Harmless when closed."""
        self._socket.close()


def _set_up_ipv6(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, linux.IPV6_MTU_DISCOVER, linux.IPV6_PMTUDISC_DO)
    sock.setsockopt(socket.IPPROTO_IPV6, linux.IPV6_DONTFRAG, 1)
    sock.setsockopt(socket.IPPROTO_UDP, linux.UDP_NO_CHECK6_RX, 1)


def _enlarge(sock: socket.socket, forced: int, polite: int) -> None:
    """Ask for BUFFER_OCTETS: past the system's limit where we may, else up to it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER_OCTETS)
    except PermissionError:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, polite, BUFFER_OCTETS)


def _bind_address(family: int, local: str | None, port: int) -> Any:
    """Return the socket address; the kernel numbers scopes, so let getaddrinfo read them."""
    flags = socket.AI_NUMERICHOST | socket.AI_PASSIVE
    return socket.getaddrinfo(local, port, family, socket.SOCK_DGRAM, flags=flags)[0][4]
