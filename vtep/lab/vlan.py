"""Create a VLAN device on a container's eth0, in userspace if the kernel has no 802.1Q.

Kernels for small machines are often built without 802.1Q. The substitute is a TAP: its frames get
their tag here and leave by a packet socket on eth0, and vice versa. Received GSO frames and partial
checksums keep their virtio header.
"""

import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence

from vtep.lab.command import execute
from vtep.lab.errors import LabError
from vtep.lab.netns import Netns, address_arguments
from vtep.lab.ready import start_ready
from vtep.lab.wait import GENEROUS_S

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
    """Create a VLAN device with an address in `container`; return its name."""

    def substitute(name: str) -> None:
        words = [name, str(vlan)]
        start_ready(
            lambda fd: container.start_module("vtep.lab.vlan", *words, str(fd), pass_fds=[fd]),
            timeout=GENEROUS_S,
        )

    return _add(container.ip, substitute, vlan, address)


def _vlan_device_here(vlan: int, address: str) -> None:
    """Create a VLAN device in our own namespace; a substitute runs in the background."""

    def substitute(name: str) -> None:
        reading, writing = os.pipe()
        subprocess.Popen(
            [sys.executable, "-m", "vtep.lab.vlan", name, str(vlan), str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[writing],
            start_new_session=True,
        )
        os.close(writing)
        if not os.read(reading, 1):
            raise LabError(f"{name}: the substitute device did not start; see its error above")

    _add(lambda *words: execute(["ip", *words]).stdout, substitute, vlan, address)


def _add(ip: Callable[..., str], substitute: Callable[[str], None], vlan: int, address: str) -> str:
    name = f"vlan{vlan}"
    try:
        ip("link", "add", "link", "eth0", "name", name, "type", "vlan", "id", str(vlan))
    except LabError as error:
        if "Unknown device type" not in str(error):
            raise
        substitute(name)
        [eth0] = json.loads(ip("-j", "link", "show", "eth0"))
        ip("link", "set", name, "address", eth0["address"], "mtu", str(eth0["mtu"]))
    ip(*address_arguments(name, address))
    ip("link", "set", name, "up")
    return name


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
    """Return the VLAN of the tag that the kernel removed from a received frame."""
    for level, kind, octets in ancillary:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = _AUXDATA.unpack_from(octets)
            return tci & 0x0FFF if status & _VLAN_VALID else None
    return None


def _main(words: Sequence[str]) -> int:
    """`VLAN ADDRESS/LENGTH`: create a device; `NAME VLAN FD`: run the substitute."""
    try:
        match words:
            case [name, vlan, ready]:
                _tag(name, int(vlan), int(ready))
            case [vlan, address] if vlan.isdigit() and 1 <= int(vlan) <= 4094:
                _vlan_device_here(int(vlan), str(ipaddress.ip_interface(address)))
            case _:
                raise LabError("vlan: wrong arguments; write c1 vlan NUMBER ADDRESS/LENGTH")
    except (LabError, ValueError) as error:
        print(f"vtep.lab: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
