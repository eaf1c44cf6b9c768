"""The lab in memory: three hosts, each with a Vtep, a bridge and a container.

The table of the bridge is an Fdb, which follows the same rules as the kernel's. wire/outer.py packs
the headers of the underlay, as for an injected packet.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from vtep.config.model import UnderlayConfig
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.fdb import Destination, Fdb
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.dataplane.worker import Worker
from vtep.trace.outcome import Outcome, Sent, inbound, outbound
from vtep.walk.frames import C1, C2, VirtualContainer
from vtep.walk.model import TableEntry
from vtep.walk.options import Options
from vtep.wire import ethernet, ip, outer, virtio, vxlan
from vtep.wire.checksum import ones_sum
from vtep.wire.flow import MAX_SOURCE_PORTS, source_ports
from vtep.wire.slot import SMALL_MAX, TAP_AT, UDP_AT, SlotRef

_BRIDGE_AGEING = 300.0
"""Default of a Linux bridge, in seconds."""
SRCPORT = UnderlayConfig().srcport
_TTL = 64
_UNDERLAY = {
    False: ("10.0.1.4", "10.0.1.41", "10.0.1.42"),
    True: ("fd00:1::4", "fd00:1::41", "fd00:1::42"),
}
LINUX_PORT = 8472
"""Default destination port of Linux's vxlan device (drivers/net/vxlan)."""


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """One host of the lab in memory.

    Attributes:
        name: "h1".
        ip: underlay address.
        device: underlay device with that address.
        mac: MAC of that device.
        dstport: UDP port to which its VTEP sends.
        vtep, port, overlay: the VTEP, its TAP vx0, and the overlay on it.
        bridge: the bridge br0.
        container: container on br0; None on h3.
    """

    name: str
    ip: str
    device: str
    mac: bytes
    dstport: int
    worker: Worker
    port: AccessPort
    overlay: Overlay
    bridge: "VirtualBridge"
    container: VirtualContainer | None

    @property
    def vtep(self) -> Vtep:
        """The tables of its VTEP."""
        return self.worker.vtep


class VirtualBridge:
    """The bridge br0 with two ports: vx0, and the end of the container's veth pair.

    Args:
        container: name of the container's port.
        vlan: VLAN of that port, with whose tag frames leave by vx0; None: without a tag.
    """

    def __init__(self, container: str, vlan: int | None) -> None:
        self.vlan = vlan
        self.container = Destination(container)
        self.tap = Destination("vx0")
        self.fdb = Fdb(_BRIDGE_AGEING, 0)

    def take(self, frame: bytes, came_by: Destination, now: float) -> Destination | None:
        """Learn the port of the source MAC; return the port of the destination, if known."""
        if len(frame) < ethernet.HEADER_LEN:
            return None
        if not frame[6] & 1:
            self.fdb.learn(frame[6:12], came_by, now)
        entry = None if frame[0] & 1 else self.fdb.lookup(frame[:6], now)
        return entry.destination if entry is not None else None

    def tagged(self, frame: bytes) -> bytes:
        """Return a frame from the container as it leaves through vx0."""
        if self.vlan is None or ethernet.vlan_id(frame, 0) is not None:
            return frame
        return frame[: ethernet.MACS_LEN] + ethernet.pack_tag(self.vlan) + frame[12:]

    def untagged(self, frame: bytes) -> bytes:
        """Return a frame from vx0 as it leaves to the container."""
        if self.vlan is None or ethernet.vlan_id(frame, 0) != self.vlan:
            return frame
        return frame[: ethernet.MACS_LEN] + frame[ethernet.MACS_LEN + ethernet.TAG_LEN :]


Damage = Callable[[bytearray], None]


class VirtualLab:
    """Three hosts on one underlay.

    Args:
        options: configuration of the hosts, and the fault in it.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.source_ports = [part[0] for part in source_ports(*SRCPORT)]
        self.hosts = tuple(self._host(number) for number in range(3))
        self.h1, self.h2, _ = self.hosts
        self.by_ip = {host.ip: host for host in self.hosts}

    def _host(self, number: int) -> VirtualHost:
        options = self.options
        addresses = _UNDERLAY[options.ipv6]
        is_h1, is_h2 = number == 0, number == 1
        peers = [one for one in addresses if one != addresses[number]]
        if is_h2 and options.what_if == "peer":
            peers.remove(addresses[0])
        vni = options.vni
        if is_h2 and options.what_if == "vni":
            vni = vni - 1 if vni == vxlan.MAX_VNI else vni + 1
        dstport = LINUX_PORT if is_h1 and options.what_if == "port" else vxlan.PORT
        port = AccessPort("vx0", bytes([0xFE, 0, 0, 0, 0, number + 1]))
        overlay = Overlay(
            vni=vni,
            port=port,
            peers=[(peer, (peer, dstport)) for peer in peers],
            mtu=options.tap_mtu,
            vlan=options.vlan,
        )
        last = (0x04, 0x41, 0x42)[number]
        return VirtualHost(
            name=f"h{number + 1}",
            ip=addresses[number],
            device=f"u{number + 1}",
            mac=bytes([0x02, 0, 0, 0, 1, last]),
            dstport=dstport,
            worker=Worker(
                Vtep([overlay], frozenset({addresses[number]}), vxlan.PORT), MAX_SOURCE_PORTS
            ),
            port=port,
            overlay=overlay,
            bridge=VirtualBridge(f"v-c{number + 1}", options.vlan),
            container=(C1, C2, None)[number],
        )

    def datagram(self, source: VirtualHost, sent: Sent, damage: Damage | None = None) -> bytes:
        """Return the packet that the kernel of *source* sends for a datagram to a peer."""
        destination = self.by_ip[sent.peer]
        headers = outer.Outer(
            mac=destination.mac,
            source=ipaddress.ip_address(source.ip).packed,
            destination=ipaddress.ip_address(destination.ip).packed,
            source_port=sent.port,
            port=source.dstport,
            ttl=_TTL,
        )
        packet = bytearray(outer.packet(headers, sent.payload))
        packet[6:12] = source.mac
        if damage is not None:
            damage(packet)
        return bytes(packet)

    def send(self, host: VirtualHost, frame: bytes, now: float) -> Outcome:
        """Hand a frame to the TAP of a host, and return the outcome of its VTEP."""
        raw = virtio.pack(virtio.PLAIN) + frame
        place = _put(host.worker, TAP_AT, raw)
        return outbound(host.worker, host.port, place, now, ports=self.source_ports)

    def receive(self, host: VirtualHost, sender: VirtualHost, sent: Sent, now: float) -> Outcome:
        """Hand a datagram to the UDP socket of a host, and return the outcome of its VTEP."""
        slots, number, end = _put(host.worker, UDP_AT, sent.payload)
        message = Message(slots, number, end, sender.ip, len(sent.payload))
        return inbound(host.worker, message, now, port=sent.port)


def _put(worker: Worker, at: int, octets: bytes) -> SlotRef:
    """Put octets into a slot of the size that the daemon would choose."""
    slots = worker.pool.small if len(octets) <= SMALL_MAX else worker.pool.large
    slots.views[0][at : at + len(octets)] = octets
    return slots, 0, at + len(octets)


def checksum_is_right(packet: bytes) -> bool:
    """Return whether the outer UDP checksum of a packet is correct."""
    headers = ip.locate(packet)
    if headers is None:
        return False
    length = headers.end - headers.l4
    total = ip.pseudo_header_sum(packet, headers, length)
    return ones_sum(total.to_bytes(2, "big") + packet[headers.l4 : headers.end]) == 0xFFFF


def fdb_entries(fdb: Fdb, now: float) -> tuple[TableEntry, ...]:
    """Return the entries of a table, ordered by MAC."""
    found = sorted(
        (ethernet.format_mac(mac), destination.name) for mac, destination, _ in fdb.entries(now)
    )
    return tuple(TableEntry(mac, dst) for mac, dst in found)
