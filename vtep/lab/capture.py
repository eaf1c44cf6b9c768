"""Recording the frames that cross a device: a packet socket, ready as soon as it is bound.

No program has to be started, waited for and flushed: what the kernel has queued is all there is,
and it stays in order. The filter is a Python function on the frame.
"""

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from vtep import pcap as capfile
from vtep.lab.resource import Resource
from vtep.lab.wait import wait_until

# linux/if_packet.h, linux/if_ether.h
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_ETH_P_ALL = 0x0003
_TP_STATUS_VLAN_VALID = 1 << 4
_TP_STATUS_VLAN_TPID_VALID = 1 << 6
_AUXDATA = struct.Struct("=IIIHHHH")  # status, len, snaplen, mac, net, vlan_tci, vlan_tpid
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h

_BUFFER_OCTETS = 64 << 20
_LONGEST = 1 << 17  # a super-frame with its headers
_MACS = 12


def is_vxlan(frame: bytes, port: int = 4789) -> bool:
    """Tell whether an untagged frame is UDP to the VXLAN port over IPv4 or IPv6 without options."""
    l4 = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(frame[12:14], 0)
    protocol_at = 23 if l4 == 34 else 20
    if not l4 or len(frame) < l4 + 8 or frame[protocol_at] != socket.IPPROTO_UDP:
        return False
    return int.from_bytes(frame[l4 + 2 : l4 + 4], "big") == port


class Capture(Resource):
    """The frames of one device, both directions, from the moment it was made.

    Takes over the unbound packet socket. A VLAN tag that the kernel took out of the frame is put
    back where it was on the wire. Super-frames and unfinished checksums appear as the kernel has
    them. At most about 64 MiB are held for the next look (less for those who are not root).
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
        """Return all matching frames seen so far, the oldest first."""
        while (frame := self._receive()) is not None:
            if self._match is None or self._match(frame):
                self._frames.append(frame)
        return list(self._frames)

    def wait(self, count: int = 1, timeout: float = 5.0) -> list[bytes]:
        """Wait until at least `count` matching frames were seen, and return all; or LabError."""
        wait_until(
            lambda: len(self.frames()) >= count,
            timeout,
            what=f"{count} captured frames",
            seen=lambda: f"{len(self._frames)} of them",
        )
        return list(self._frames)

    def save(self, path: Path) -> None:
        """Write the frames seen so far as a pcapng file, which tshark and wireshark read."""
        blocks = [capfile.section_block("vtep.lab"), capfile.interface_block(self._device)]
        blocks += [capfile.frame_block(0, frame, time=0) for frame in self.frames()]
        path.write_bytes(b"".join(blocks))

    def close(self) -> None:
        """Stop recording; frames that were not looked at yet are lost."""
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
