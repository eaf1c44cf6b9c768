"""The lab in memory: three hosts, each with a real Vtep, and a bridge between it and a container.

The bridge is the kernel's in the lab; here its table is an Fdb of ours, which has the same rules.
Headers of the underlay are packed by wire/outer.py, as for a packet that is injected.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from vtep.config.model import UnderlayConfig
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.fdb import Fdb
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Peer
from vtep.dataplane.vtep import Vtep
from vtep.offload.segment import complete_checksum
from vtep.trace.outcome import Outcome, Sent, inbound, outbound
from vtep.walk.frames import C1, C2, Container
from vtep.walk.model import Entry
from vtep.walk.options import Options
from vtep.wire import ethernet, ip, outer, virtio, vxlan
from vtep.wire.checksum import ones_sum
from vtep.wire.flow import MAX_SOURCE_PORTS, source_ports
from vtep.wire.slot import SMALL_MAX, TAP_AT, UDP_AT, Place

_BRIDGE_AGEING = 300.0
"""Of a Linux bridge to which nobody said otherwise."""
SRCPORT = UnderlayConfig().srcport
_TTL = 64
_UNDERLAY = {
    False: ("10.0.1.4", "10.0.1.41", "10.0.1.42"),
    True: ("fd00:1::4", "fd00:1::41", "fd00:1::42"),
}
LINUX_PORT = 8472
"""Where Linux's vxlan sends to unless it is told otherwise."""

_BEFORE_ROUTER = _TTL - 1
"""outer.pack adds the 1 that the injecting kernel takes off; here nobody does."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host.

    Attributes:
        name: "h1".
        ip: its underlay address.
        device: that it is on.
        mac: of that device.
        dstport: the UDP port that it sends to.
        vtep, port, overlay: the VTEP, its TAP vx0, and the one overlay on it.
        bridge: br0.
        container: plugged into br0; None on h3.
    """

    name: str
    ip: str
    device: str
    mac: bytes
    dstport: int
    vtep: Vtep
    port: AccessPort
    overlay: Overlay
    bridge: "Bridge"
    container: Container | None


class Bridge:
    """br0: the host's end of the container's veth pair, and vx0.

    Args:
        container: the name of the container's port.
        vlan: of that port; frames leave by vx0 with its tag. None: without.
    """

    def __init__(self, container: str, vlan: int | None) -> None:
        self.vlan = vlan
        self.container = Peer(container, ())
        self.tap = Peer("vx0", ())
        self.fdb = Fdb(_BRIDGE_AGEING, 0)

    def take(self, frame: bytes, came_by: Peer, now: float) -> Peer | None:
        """Learn where a frame came from; return the port its destination is behind, if known."""
        if len(frame) < ethernet.HEADER_LEN:
            return None
        if not frame[6] & 1:
            self.fdb.learn(frame[6:12], came_by, now)
        return None if frame[0] & 1 else self.fdb.lookup(frame[:6], now)

    def tagged(self, frame: bytes) -> bytes:
        """Return a frame from the container as it leaves by vx0."""
        if self.vlan is None or ethernet.vlan_id(frame, 0) is not None:
            return frame
        return frame[: ethernet.MACS_LEN] + ethernet.pack_tag(self.vlan) + frame[12:]

    def untagged(self, frame: bytes) -> bytes:
        """Return a frame from vx0 as it leaves to the container."""
        if self.vlan is None or ethernet.vlan_id(frame, 0) != self.vlan:
            return frame
        return frame[: ethernet.MACS_LEN] + frame[ethernet.MACS_LEN + ethernet.TAG_LEN :]


Damage = Callable[[bytearray], None]


class Lan:
    """The three hosts on one underlay.

    Args:
        options: how they are set up, and what is wrong with that.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.source_ports = [part[0] for part in source_ports(*SRCPORT)]
        self.hosts = tuple(self._host(number) for number in range(3))
        self.h1, self.h2, self.h3 = self.hosts
        self.by_ip = {host.ip: host for host in self.hosts}

    def _host(self, number: int) -> Host:
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
        return Host(
            name=f"h{number + 1}",
            ip=addresses[number],
            device=f"u{number + 1}",
            mac=bytes([0x02, 0, 0, 0, 1, last]),
            dstport=dstport,
            vtep=Vtep([overlay], frozenset({addresses[number]}), vxlan.PORT, MAX_SOURCE_PORTS),
            port=port,
            overlay=overlay,
            bridge=Bridge(f"v-c{number + 1}", options.vlan),
            container=(C1, C2, None)[number],
        )

    def datagram(self, source: Host, sent: Sent, damage: Damage | None = None) -> bytes:
        """Return the packet that the kernel of *source* makes of a datagram to a peer."""
        destination, payload = self.by_ip[sent.peer], sent.payload
        headers = outer.Outer(
            mac=destination.mac,
            source=ipaddress.ip_address(source.ip).packed,
            destination=ipaddress.ip_address(destination.ip).packed,
            source_port=sent.port,
            port=source.dstport,
            ttl=_BEFORE_ROUTER,
        )
        packet = bytearray(outer.pack(headers, len(payload)) + payload)
        packet[6:12] = source.mac
        begun = virtio.VirtioHeader(
            virtio.NEEDS_CSUM, 0, 0, 0, headers.udp_at, ip.CHECKSUM_AT[ip.UDP]
        )
        complete_checksum(memoryview(packet), begun)
        if damage is not None:
            damage(packet)
        return bytes(packet)

    def send(self, host: Host, frame: bytes, now: float) -> Outcome:
        """Give a frame to the TAP of a host, and return what its VTEP makes of it."""
        raw = virtio.pack(virtio.PLAIN) + frame
        place = _put(host.vtep, TAP_AT, raw)
        return outbound(host.vtep, host.port, place, now, ports=self.source_ports)

    def receive(self, host: Host, sender: Host, sent: Sent, now: float) -> Outcome:
        """Give a datagram to the UDP socket of a host, and return what its VTEP makes of it."""
        slots, number, end = _put(host.vtep, UDP_AT, sent.payload)
        message = Message(slots, number, end, sender.ip, len(sent.payload))
        return inbound(host.vtep, message, now, port=sent.port)


def _put(vtep: Vtep, at: int, octets: bytes) -> Place:
    """Put what was read into a slot of the size it goes to."""
    slots = vtep.pool.small if len(octets) <= SMALL_MAX else vtep.pool.large
    slots.views[0][at : at + len(octets)] = octets
    return slots, 0, at + len(octets)


def checksum_is_right(packet: bytes) -> bool:
    """Tell whether the outer UDP checksum of a packet holds, as the receiving kernel would."""
    headers = ip.locate(packet)
    if headers is None:
        return False
    length = headers.end - headers.l4
    total = ip.pseudo_header_sum(packet, headers, length)
    return ones_sum(total.to_bytes(2, "big") + packet[headers.l4 : headers.end]) == 0xFFFF


def entries(fdb: Fdb, now: float) -> tuple[Entry, ...]:
    """Return what a table holds, in the order of the MACs."""
    found = sorted((ethernet.format_mac(mac), peer.ip) for mac, peer, _ in fdb.entries(now))
    return tuple(Entry(mac, dst) for mac, dst in found)
