"""One Vtep in memory, for tests of its decisions: a TAP vx0, VNI 100, two peers."""

from collections.abc import Iterable, Iterator
from typing import Any

from tests.frames import mac
from vtep.dataplane.decap import Delivery
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.encap_queue import Transmit
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.wire import virtio, vxlan
from vtep.wire.slot import SMALL_MAX, TAP_AT, UDP_AT, Slots

TAP_MAC = "02:ff:ff:ff:ff:01"
PEER_1, PEER_2 = "10.0.1.41", "10.0.1.42"
PEERS = [(PEER_1, (PEER_1, 4789)), (PEER_2, (PEER_2, 4789))]


def make(
    *, trust: bool = False, lanes: int = 1, **options: Any
) -> tuple[Vtep, AccessPort, Overlay]:
    port = AccessPort("vx0", mac(TAP_MAC))
    usual: dict[str, Any] = {"vni": 100, "port": port, "peers": PEERS, "mtu": 1450}
    overlay = Overlay(**(usual | options))
    return Vtep([overlay], frozenset({"10.0.1.4"}), 4789, lanes, trust=trust), port, overlay


def encapsulate(
    vtep: Vtep, port: AccessPort, batch: Iterable[tuple[bytes, virtio.VirtioHeader]], now: float
) -> list[Transmit]:
    """Put frames into the slots as TAP reads do, and return copies of what comes out."""
    free = slots_of(vtep)
    frames = []
    for data, header in batch:
        raw = virtio.pack(header) + data
        slots, number = put(free, TAP_AT, raw)
        frames.append((slots, number, TAP_AT + len(raw)))
    transmits = vtep.outbound.encapsulate(port, frames, now)
    return [
        one._replace(parts=[memoryview(bytes(part)) for part in one.parts]) for one in transmits
    ]


def decapsulate(vtep: Vtep, batch: Iterable[tuple[bytes, str, int]], now: float) -> list[Delivery]:
    """Put (message, sender, size) into the slots as receives do; return copies of the result."""
    free = slots_of(vtep)
    received = []
    for message, sender, size in batch:
        slots, number = put(free, UDP_AT, message)
        end = UDP_AT + len(message)
        received.append(Message(slots, number, end, sender, size or len(message)))
    deliveries = vtep.inbound.decapsulate(received, now)
    return [one._replace(parts=[memoryview(b"".join(one.parts))]) for one in deliveries]


Free = tuple[Iterator[tuple[Slots, int]], Iterator[tuple[Slots, int]]]


def slots_of(vtep: Vtep) -> Free:
    """Return the large and the small slots, all of them free."""
    large, small = vtep.pool.large, vtep.pool.small
    return ((large, n) for n in range(len(large))), ((small, n) for n in range(len(small)))


def put(free: Free, at: int, raw: bytes) -> tuple[Slots, int]:
    """Put octets into the next slot of the size they go to, over what an earlier batch left there.

    Returns where that is.
    """
    large, small = free
    slots, number = next(small if len(raw) <= SMALL_MAX else large)
    slots.views[number][at : at + len(raw)] = raw
    return slots, number


def send(
    vtep: Vtep,
    port: AccessPort,
    data: bytes,
    header: virtio.VirtioHeader = virtio.PLAIN,
    now: float = 0.0,
) -> list[Transmit]:
    return encapsulate(vtep, port, [(data, header)], now)


def receive(
    vtep: Vtep, data: bytes, sender: str = PEER_1, vni: int = 100, now: float = 0.0
) -> list[Delivery]:
    return receive_raw(vtep, vxlan.pack(vni) + data, sender, now)


def receive_raw(
    vtep: Vtep, datagram: bytes, sender: str = PEER_1, now: float = 0.0
) -> list[Delivery]:
    return decapsulate(vtep, [(datagram, sender, 0)], now)


def joined(transmit: Transmit) -> bytes:
    """Return all octets of a send."""
    return b"".join(transmit.parts)


def sent_to(transmits: list[Transmit]) -> list[list[str]]:
    return [[peer.ip for peer in transmit.peers] for transmit in transmits]


def datagrams(transmits: list[Transmit]) -> list[bytes]:
    """Return the datagrams one by one, as UDP_SEGMENT makes them."""
    return [
        joined(one)[at : at + (one.segment_size or one.octets)]
        for one in transmits
        for at in range(0, one.octets, one.segment_size or one.octets)
    ]


def delivered(deliveries: list[Delivery]) -> list[bytes]:
    """Return the frames without their virtio headers."""
    return [bytes(one.parts[0][virtio.HEADER_LEN :]) for one in deliveries]


def pseudo_sum(data: bytes | bytearray, protocol: int) -> int:
    """Add up the pseudo header of the IPv4 packet in an untagged frame, word by word."""
    length = int.from_bytes(data[16:18], "big") - 20
    words = [int.from_bytes(data[at : at + 2], "big") for at in range(26, 34, 2)]
    total = sum(words) + protocol + length
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def trunk() -> tuple[Vtep, AccessPort, Overlay, Overlay]:
    port = AccessPort("trunk0", mac(TAP_MAC))
    red = Overlay(vni=1010, vlan=10, port=port, peers=PEERS, mtu=1450)
    blue = Overlay(vni=1020, vlan=20, port=port, peers=PEERS, mtu=1450)
    return Vtep([red, blue], frozenset(), 4789), port, red, blue
