"""Record the frames that cross a device, with a packet socket.

The socket records from the moment it is bound, and the kernel keeps the frames in order. So no
program has to be started, awaited or flushed. The filter is a Python function on the frame.
"""

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from vtep import pcap
from vtep.lab.resource import Resource
from vtep.lab.wait import GENEROUS_S, wait_until

# linux/if_packet.h, linux/if_ether.h
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_ETH_P_ALL = 0x0003
_TP_STATUS_VLAN_VALID = 1 << 4
_TP_STATUS_VLAN_TPID_VALID = 1 << 6
_AUXDATA = struct.Struct("=IIIHHHH")  # status, len, snaplen, mac, net, vlan_tci, vlan_tpid
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h

_BUFFER_OCTETS = 64 << 20
_LONGEST = 1 << 17  # a GSO frame with its headers
_MACS = 12


def is_vxlan(frame: bytes, port: int = 4789) -> bool:
    """Tell whether a frame is UDP to the VXLAN port; it must have no VLAN tag and no IP options."""
    l4 = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(frame[12:14], 0)
    protocol_at = 23 if l4 == 34 else 20
    if not l4 or len(frame) < l4 + 8 or frame[protocol_at] != socket.IPPROTO_UDP:
        return False
    return int.from_bytes(frame[l4 + 2 : l4 + 4], "big") == port


class Capture(Resource):
    """The frames of one device in both directions, recorded from the creation of this object.

    Takes ownership of an unbound packet socket. If the kernel has removed a VLAN tag from a frame,
    the tag is inserted again. GSO frames and partial checksums are recorded as they are. The
    kernel buffers up to 64 MiB between two reads, less if the process is not root.
    """

    def __init__(
        self, sniffer: socket.socket, device: str, match: Callable[[bytes], bool] | None = None
    ) -> None:
        self._socket = sniffer
        self._device = device
        self._match = match
        self._frames: list[bytes] = []
        try:
            try:
                sniffer.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_OCTETS)
            except PermissionError:
                sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
            sniffer.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            sniffer.setblocking(False)
            sniffer.bind((device, _ETH_P_ALL))
        except BaseException:
            sniffer.close()
            raise

    def frames(self) -> list[bytes]:
        """Return all matching frames recorded so far, the oldest first."""
        while (frame := self._receive()) is not None:
            if self._match is None or self._match(frame):
                self._frames.append(frame)
        return list(self._frames)

    def wait(self, count: int = 1, timeout: float = GENEROUS_S) -> list[bytes]:
        """Wait for at least `count` matching frames and return all; LabError on timeout."""
        wait_until(
            lambda: len(self.frames()) >= count,
            timeout,
            what=f"{count} captured frames",
            seen=lambda: f"{len(self._frames)} frames",
        )
        return list(self._frames)

    def save(self, path: Path) -> None:
        """Write the frames recorded so far to a pcapng file, for tshark and Wireshark."""
        blocks = [pcap.section_block("vtep.lab"), pcap.interface_block(self._device)]
        blocks += [pcap.frame_block(0, frame, time=0) for frame in self.frames()]
        path.write_bytes(b"".join(blocks))

    def close(self) -> None:
        """Stop recording; frames that were not read yet are lost."""
        self._socket.close()

    def _receive(self) -> bytes | None:
        try:
            frame, ancillary, _, _ = self._socket.recvmsg(
                _LONGEST, socket.CMSG_SPACE(_AUXDATA.size)
            )
        except BlockingIOError:
            return None
        for level, kind, octets in ancillary:
            if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
                return _with_tag(frame, octets)
        return frame


def _with_tag(frame: bytes, auxdata: bytes) -> bytes:
    status, _, _, _, _, tci, tpid = _AUXDATA.unpack_from(auxdata)
    if not status & _TP_STATUS_VLAN_VALID:
        return frame
    ethertype = tpid if status & _TP_STATUS_VLAN_TPID_VALID else 0x8100
    return frame[:_MACS] + struct.pack("!HH", ethertype, tci) + frame[_MACS:]
