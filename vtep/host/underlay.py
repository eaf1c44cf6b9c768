"""The UDP sockets of a VTEP: datagrams to and from all peers, never fragmented."""

import errno
import socket
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

from vtep.host import linux, probe, senders, udp
from vtep.host.linux import Buffer

Address: TypeAlias = tuple[str | int, ...]

_SEGMENT_SIZE = struct.Struct("=H")
_MERGED_SIZE = struct.Struct("=i")
_CONTROL_LEN = socket.CMSG_SPACE(_MERGED_SIZE.size)

_MAX_SIZES = 4096
"""Most cached control messages, one per segment size."""

_MAX_ERRORS = 64
"""Most pending errors skipped in one receive()."""

GSO_ERRORS = frozenset({errno.EIO, errno.EINVAL, errno.EMSGSIZE})
"""Errors of a send with UDP_SEGMENT whose datagrams can be sent one by one.

EIO: the device has no checksum offload (Linux before 6.11), or IPsec is on the path. EINVAL: too
many datagrams, or (before 6.14) one does not fit the path MTU. EMSGSIZE: one does not fit."""

_PENDING = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
"""Errors of a send that an ICMP message about an earlier datagram can cause."""


class _Controls(dict[int, tuple[Any, ...]]):
    """The control messages of a send by segment size; none for 0, without segmentation."""

    def __missing__(self, segment_size: int) -> tuple[Any, ...]:
        """Create and cache the control messages for *segment_size*."""
        if len(self) >= _MAX_SIZES:
            self.clear()
        size = _SEGMENT_SIZE.pack(segment_size)
        made = ((socket.IPPROTO_UDP, linux.UDP_SEGMENT, size),) if segment_size else ()
        self[segment_size] = made
        return made


class Underlay:
    """A non-blocking UDP socket that receives, and others that send; all are unconnected.

    The port is exclusive (no SO_REUSEADDR or SO_REUSEPORT). Datagrams are never fragmented, see
    udp.open_socket. On IPv6 a UDP checksum of zero is accepted (RFC 7348 section 5;
    UDP_NO_CHECK6_RX).

    Args:
        family: AF_INET or AF_INET6; an IPv6 socket does not receive IPv4.
        local: IP address to bind, with %scope if it is link-local; None for any.
        port: UDP port to receive on; 0 lets the kernel choose.
        dev: the only device to send and receive by; None for any.
        source_ports: the candidate ports of each sending socket. If empty, the receiving socket
            sends.
        segment: let the kernel segment sent messages (UDP_SEGMENT) if it can.
        gro: let the kernel merge received datagrams (UDP_GRO) if it can.

    Attributes:
        segments: most datagrams in one send: 128, 64, or 1 without UDP_SEGMENT.
        merges: whether the kernel merges received datagrams.
        sending: the sockets that send.
        senders: number of source ports.
        ports: the source ports.
        source_port: source port of the last received message.

    Raises:
        HostError: no port of *source_ports* is available.
        OSError: any other error of bind(2) and socket(7); EADDRINUSE if *port* is in use.
    """

    def __init__(
        self,
        family: int,
        local: str | None,
        port: int,
        dev: str | None,
        source_ports: Sequence[range] = (),
        *,
        segment: bool = True,
        gro: bool = True,
    ) -> None:
        self._socket = udp.open_socket(family, dev)
        self.sending: list[socket.socket] = []
        try:
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_UDP, linux.UDP_NO_CHECK6_RX, 1)
            self.merges = gro and _merge(self._socket)
            udp.enlarge_receive_buffer(self._socket)
            self._socket.bind(udp.bind_address(family, local, port))
            if source_ports:
                self.sending = senders.open_senders(family, local, source_ports, dev)
        except BaseException:
            self.close()
            raise
        self.sending = self.sending or [self._socket]
        self.senders = len(self.sending)
        self.source_port = 0
        self.ports = [int(sock.getsockname()[1]) for sock in self.sending]
        self.segments = probe.most_segments() if segment else 1
        self._sendto = [sock.sendto for sock in self.sending]
        self._sendmsg = [sock.sendmsg for sock in self.sending]
        self._controls = _Controls()
        self._recvmsg_into = self._socket.recvmsg_into

    def fileno(self) -> int:
        """Return the file descriptor, to wait for datagrams."""
        return self._socket.fileno()

    def receive(self, buffers: Sequence[memoryview]) -> tuple[int, str, int] | None:
        """Receive one message; return None without one.

        A message is a datagram, or several of one sender that the kernel merged (UDP_GRO, udp(7)).
        A pending error (an ICMP message about a datagram that was sent) is skipped.

        Args:
            buffers: filled in order; together they need room for 65,535 octets, because the kernel
                truncates a longer message.

        Returns:
            The number of octets; the sender's IP address as text, with %number of the device if it
            is link-local; the octets of each datagram except the last, or 0 for a single one.
        """
        for _ in range(_MAX_ERRORS):
            try:
                length, control, _, sender = self._recvmsg_into(buffers, _CONTROL_LEN)
            except BlockingIOError:
                return None
            except OSError:
                # The kernel reports a pending error once, in place of a datagram.
                continue
            self.source_port = sender[1]
            size = _merged_size(control) if control else 0
            if len(sender) == 4 and sender[3]:
                return length, f"{sender[0]}%{sender[3]}", size
            return length, sender[0], size
        return None

    def send(
        self, parts: Sequence[Buffer], address: Address, segment_size: int = 0, sport_index: int = 0
    ) -> int:
        """Send to a socket address; return 0, or the errno if the send failed.

        Args:
            parts: one UDP payload in parts. With *segment_size* several payloads in a row: the
                kernel sends each *segment_size* octets as a datagram (UDP_SEGMENT, udp(7)).
            address: socket address of the peer.
            segment_size: octets of each payload except the last; 0 for one datagram.
            sport_index: at least 0; selects the source port.
        """
        try:
            if len(parts) == 1:
                octets = parts[0]
                if not segment_size or len(octets) <= segment_size:
                    self._sendto[sport_index % self.senders](octets, address)
                    return 0
            control = self._controls[segment_size]
            self._sendmsg[sport_index % self.senders](parts, control, 0, address)
        except OSError as error:
            if error.errno in _PENDING:
                return self._send_again(parts, address, segment_size, sport_index)
            return error.errno or errno.EIO
        return 0

    def _send_again(
        self, parts: Sequence[Buffer], address: Address, segment_size: int, sport_index: int
    ) -> int:
        """Repeat a send that failed with a pending error; return 0, or the errno."""
        control = self._controls[segment_size if sum(map(len, parts)) > segment_size else 0]
        try:
            self._sendmsg[sport_index % self.senders](parts, control, 0, address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def send_unsegmented(
        self,
        parts: Sequence[Buffer],
        address: Address,
        segment_size: int,
        sport_index: int,
        error: int,
    ) -> list[tuple[memoryview, int]]:
        """Send in smaller parts a message for which send() returned one of GSO_ERRORS.

        Too many datagrams for an old kernel are sent 64 in one call. All others are sent one by
        one, so only those that are too large are lost. `segments` is lowered permanently if the
        kernel cannot segment that many, or cannot segment at all.

        Args:
            parts: as for send().
            address: as for send().
            segment_size: as for send().
            sport_index: as for send().
            error: the errno that send() returned.

        Returns:
            The datagrams that could not be sent, alone or several in a row, each with its errno.
        """
        octets = memoryview(b"".join(parts))
        too_many = error == errno.EINVAL and len(octets) > probe.OLD_SEGMENTS * segment_size
        step = probe.OLD_SEGMENTS * segment_size if too_many else segment_size
        failed: list[tuple[memoryview, int]] = []
        for at in range(0, len(octets), step):
            piece = octets[at : at + step]
            again = self.send((piece,), address, segment_size, sport_index)
            if too_many and again in GSO_ERRORS:
                failed += self.send_unsegmented((piece,), address, segment_size, sport_index, again)
            elif again:
                failed.append((piece, again))
        if too_many:
            self.segments = min(self.segments, probe.OLD_SEGMENTS)
        elif errno.EMSGSIZE not in {error, *(why for _, why in failed)} and (
            len(failed) * segment_size < len(octets)
        ):
            self.segments = 1  # single datagrams were sent where one message failed
        return failed

    def overflows(self) -> int:
        """Return the number of datagrams dropped so far for a full receive buffer (SO_MEMINFO)."""
        memory = self._socket.getsockopt(socket.SOL_SOCKET, linux.SO_MEMINFO, linux.SK_MEMINFO.size)
        return int(linux.SK_MEMINFO.unpack(memory)[linux.SK_MEMINFO_DROPS])

    def close(self) -> None:
        """Close the sockets; closing them again is harmless."""
        senders.close(self.sending)
        self._socket.close()


def _merged_size(control: Sequence[tuple[int, int, bytes]]) -> int:
    """Return the datagram size that UDP_GRO reports in control messages; 0 if it does not."""
    for level, kind, data in control:
        if level == socket.IPPROTO_UDP and kind == linux.UDP_GRO:
            return int(_MERGED_SIZE.unpack(data)[0])
    return 0


def _merge(sock: socket.socket) -> bool:
    """Switch UDP_GRO on; tell whether the kernel has it (Linux 5.0 and later)."""
    try:
        sock.setsockopt(socket.IPPROTO_UDP, linux.UDP_GRO, 1)
    except OSError:
        return False
    return True
