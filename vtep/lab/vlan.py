"""A VLAN device on a container's eth0: the kernel's, or one in userspace where it has none.

Kernels for small machines are often built without 802.1Q. The stand-in is a TAP whose frames get
their tag here and leave by a packet socket on eth0, and the other way round. Super-frames and
unfinished checksums that arrive are handed on with the virtio header that describes them.
"""

import os
import select
import socket
import struct
import sys

from vtep.lab.errors import LabError
from vtep.lab.netns import Netns, address_arguments
from vtep.lab.ready import start_ready

_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_AUXDATA = struct.Struct("=IIIHHHH")  # linux/if_packet.h tpacket_auxdata; vlan_tci is the sixth
_VLAN_VALID = 1 << 4
_PACKET_VNET_HDR = 15
_VIRTIO_HEADER_LEN = 10
_LONGEST = 1 << 17
_MACS = 12


def vlan_device(container: Netns, vlan: int, address: str) -> str:
    """Give `container` a device for one VLAN, with an address; return its name."""
    name = f"vlan{vlan}"
    try:
        container.ip("link", "add", "link", "eth0", "name", name, "type", "vlan", "id", str(vlan))
    except LabError as error:
        if "Unknown device type" not in str(error):
            raise
        _stand_in(container, vlan, name)
    container.ip(*address_arguments(name, address))
    container.ip("link", "set", name, "up")
    return name


def _stand_in(container: Netns, vlan: int, name: str) -> None:
    link = container.link("eth0")
    start_ready(
        lambda fd: container.start_module("vtep.lab.vlan", name, str(vlan), str(fd), pass_fds=[fd]),
        timeout=10.0,
    )
    container.ip("link", "set", name, "address", link["address"], "mtu", str(link["mtu"]))


def _tag(name: str, vlan: int, ready: int) -> None:
    """Carry frames between the TAP `name`, untagged, and eth0, tagged, until killed."""
    import pytun

    tap = pytun.TunTapDevice(name, pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    wire.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    wire.bind(("eth0", _ETH_P_ALL))
    os.write(ready, b"\n")
    tag, macs_end = struct.pack("!HH", 0x8100, vlan), _VIRTIO_HEADER_LEN + _MACS
    while True:
        readable, _, _ = select.select([tap, wire], [], [])
        if tap in readable:
            frame = os.read(tap.fileno(), _LONGEST)
            wire.send(frame[:macs_end] + tag + frame[macs_end:])
        if wire in readable:
            frame, ancillary, _, source = wire.recvmsg(_LONGEST, socket.CMSG_SPACE(_AUXDATA.size))
            if source[2] != socket.PACKET_OUTGOING and _vlan_of(ancillary) == vlan:
                os.write(tap.fileno(), frame)


def _vlan_of(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """Return the VLAN of the tag that the kernel took off a received frame."""
    for level, kind, octets in ancillary:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = _AUXDATA.unpack_from(octets)
            return tci & 0x0FFF if status & _VLAN_VALID else None
    return None


if __name__ == "__main__":
    _tag(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
