"""The UDP sockets of a VTEP: datagrams to and from all peers, never fragmented."""

import errno
import select
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from vtep.host import linux, senders, udp
from vtep.host.linux import Buffer

Address: TypeAlias = tuple[str | int, ...]

_SEGMENT_SIZE = struct.Struct("=H")
_MERGED_SIZE = struct.Struct("=i")
_CONTROL_LEN = socket.CMSG_SPACE(_MERGED_SIZE.size)

_MAX_SIZES = 4096
"""Most segment sizes whose control message is kept; they are as many as there are MTUs."""

_MAX_ERRORS = 64
"""Most pending errors passed over in one receive()."""

_PENDING = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
"""What an ICMP message about an earlier datagram may come back as, in place of a send."""


class _Controls(dict[int, tuple[Any, ...]]):
    """The control messages of a send by segment size: none for 0, which cuts nothing."""

    def __missing__(self, segment_size: int) -> tuple[Any, ...]:
        """Make them, and keep them."""
        if len(self) >= _MAX_SIZES:
            self.clear()
        size = _SEGMENT_SIZE.pack(segment_size)
        made = ((socket.IPPROTO_UDP, linux.UDP_SEGMENT, size),) if segment_size else ()
        self[segment_size] = made
        return made


class Underlay:
    """One non-blocking UDP socket that receives, and others that send; none is ever connected.

    The port is ours alone (no SO_REUSEADDR or SO_REUSEPORT).  Nothing is fragmented, see
    udp.open_socket.  On IPv6 a UDP checksum of zero is accepted (RFC 7348 section 5;
    UDP_NO_CHECK6_RX).

    Args:
        family: AF_INET or AF_INET6; an IPv6 socket takes no IPv4.
        local: the IP address to bind, with %scope where it is link-local; None for any.
        port: the UDP port to receive on; 0 lets the kernel choose.
        dev: the only device to send and receive by; None for any.
        srcport: the first and the last port to send from; None, or *port* alone, for that one.

    Attributes:
        senders: from how many ports we send.

    Raises:
        HostError: no port of *srcport* can be had.
        OSError: as bind(2) and socket(7) say; EADDRINUSE where *port* is taken.
    """

    def __init__(
        self,
        family: int,
        local: str | None,
        port: int,
        dev: str | None,
        srcport: tuple[int, int] | None = None,
    ) -> None:
        self._socket = udp.open_socket(family, dev)
        self._sending: list[socket.socket] = []
        try:
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_UDP, linux.UDP_NO_CHECK6_RX, 1)
            with suppress(OSError):  # Linux before 5.0: each datagram comes alone
                self._socket.setsockopt(socket.IPPROTO_UDP, linux.UDP_GRO, 1)
            udp.enlarge_receive_buffer(self._socket)
            self._socket.bind(udp.bind_address(family, local, port))
            if srcport not in (None, (port, port)):
                self._sending = senders.open_senders(family, local, srcport, dev)
        except BaseException:
            self.close()
            raise
        sending = self._sending or [self._socket]
        self.senders = len(sending)
        self._sendto = [sock.sendto for sock in sending]
        self._sendmsg = [sock.sendmsg for sock in sending]
        self._controls = _Controls()
        self._recvmsg_into = self._socket.recvmsg_into
        self._buffers: Sequence[memoryview] = ()
        self._iovecs: list[tuple[memoryview]] = []
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        self._poll = poll.poll
        self._expected = 1

    def fileno(self) -> int:
        """Return the file descriptor, to wait for datagrams."""
        return self._socket.fileno()

    # HOT PATH
    def receive(self, buffers: Sequence[memoryview]) -> list[tuple[int, str, int]]:
        """Receive waiting messages, one into each buffer in turn.

        A message is a datagram, or several of one sender that the kernel merged (UDP_GRO, udp(7)).
        A pending error (an ICMP message about something we sent) is passed over.

        Args:
            buffers: each must hold 65,535 octets; what does not fit is cut off by the kernel.  The
                sequence is remembered: give the same one each time, and do not change it.

        Returns:
            For each buffer used: octets; the sender's IP as text, a link-local one with the
            %number of its device; octets of each datagram but the last, or 0 where there is one.
            Fewer than there are buffers when no message is left.
        """
        if buffers is not self._buffers:
            self._buffers, self._iovecs = buffers, [(buffer,) for buffer in buffers]
        receive = self._recvmsg_into
        expected = self._expected
        received: list[tuple[int, str, int]] = []
        for iovec in self._iovecs:
            # Likely over where it was over last time: a look costs a third of an EAGAIN.
            if len(received) == expected and not self._poll(0):
                break
            try:
                length, control, _, sender = receive(iovec, _CONTROL_LEN)
            except BlockingIOError:
                break
            except OSError:
                message = self._receive_behind_errors(iovec)
                if message is None:
                    break
                length, control, _, sender = message
            source = f"{sender[0]}%{sender[3]}" if len(sender) == 4 and sender[3] else sender[0]
            size = _MERGED_SIZE.unpack(control[0][2])[0] if control else 0
            received.append((length, source, size))
        self._expected = len(received) or 1
        return received

    def _receive_behind_errors(self, iovec: tuple[memoryview]) -> Any:
        """Receive after an error; the kernel reports each once, in place of a datagram."""
        for _ in range(_MAX_ERRORS):
            try:
                return self._recvmsg_into(iovec, _CONTROL_LEN)
            except BlockingIOError:
                return None
            except OSError:
                continue
        return None

    # HOT PATH
    def send(
        self, parts: Sequence[Buffer], address: Address, segment_size: int = 0, flow: int = 0
    ) -> int:
        """Send to a socket address; return 0, or the errno if it did not leave.

        Args:
            parts: one UDP payload in parts; with *segment_size* several in a row, each of that
                length but the last, which the kernel makes datagrams of (UDP_SEGMENT, udp(7)).
            address: where to.
            segment_size: 0 for one datagram.
            flow: at least 0; equal ones leave from the same port.
        """
        try:
            if len(parts) == 1:
                octets = parts[0]
                if not segment_size or len(octets) <= segment_size:
                    self._sendto[flow % self.senders](octets, address)
                    return 0
            control = self._controls[segment_size]
            self._sendmsg[flow % self.senders](parts, control, 0, address)
        except OSError as error:
            if error.errno in _PENDING:
                return self._send_again(parts, address, segment_size, flow)
            return error.errno or errno.EIO
        return 0

    def _send_again(
        self, parts: Sequence[Buffer], address: Address, segment_size: int, flow: int
    ) -> int:
        """Send what an error that was pending may have kept back; return 0, or the errno."""
        control = self._controls[segment_size if sum(map(len, parts)) > segment_size else 0]
        try:
            self._sendmsg[flow % self.senders](parts, control, 0, address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def overflows(self) -> int:
        """Return how many datagrams found the receive buffer full, so far (SO_MEMINFO)."""
        memory = self._socket.getsockopt(socket.SOL_SOCKET, linux.SO_MEMINFO, linux.SK_MEMINFO.size)
        return int(linux.SK_MEMINFO.unpack(memory)[linux.SK_MEMINFO_DROPS])

    def close(self) -> None:
        """Close the sockets.  Harmless when closed."""
        senders.close(self._sending)
        self._socket.close()
