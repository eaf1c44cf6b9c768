"""One Worker in memory, for tests of its decisions: a TAP vx0, VNI 100, two peers."""

from collections.abc import Iterable, Iterator
from typing import Any

from tests.frames import mac
from vtep.dataplane.decap import Delivery
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Peer, Transmit, count_unsent
from vtep.dataplane.vtep import Vtep
from vtep.dataplane.worker import Worker
from vtep.wire import virtio, vxlan
from vtep.wire.slot import SMALL_MAX, TAP_AT, UDP_AT, SlotArray

TAP_MAC = "02:ff:ff:ff:ff:01"
PEER_1, PEER_2 = "10.0.1.41", "10.0.1.42"
PEERS = [(PEER_1, (PEER_1, 4789)), (PEER_2, (PEER_2, 4789))]


class Transport:
    """A transport that remembers what it sent; with *drop*, nothing leaves."""

    def __init__(
        self, *, takes_gso: bool = False, max_segments: int = 64, drop: Any = None
    ) -> None:
        self.takes_gso = takes_gso
        self.max_segments = max_segments
        self.drop = drop
        self.sent: list[tuple[str, Transmit]] = []

    def send(self, transmit: Transmit, peer: Peer) -> None:
        self.sent.append((peer.ip, transmit))
        if self.drop is not None:
            count_unsent(transmit, peer, self.drop)


def worker_of(overlays: Iterable[Overlay], addresses: Iterable[str] = (), **options: Any) -> Worker:
    return Worker(Vtep(overlays, frozenset(addresses), 4789), **options)


def make(
    *, trust: bool = False, source_ports: int = 1, **options: Any
) -> tuple[Worker, AccessPort, Overlay]:
    port = AccessPort("vx0", mac(TAP_MAC))
    usual: dict[str, Any] = {"vni": 100, "port": port, "peers": PEERS, "mtu": 1450}
    overlay = Overlay(**(usual | options))
    worker = worker_of([overlay], ["10.0.1.4"], source_ports=source_ports, trust=trust)
    return worker, port, overlay


def encapsulate(
    worker: Worker,
    port: AccessPort,
    batch: Iterable[tuple[bytes, virtio.VirtioHeader]],
    now: float,
) -> list[Transmit]:
    """Put frames into the slots as TAP reads do, and return copies of what is sent."""
    free = slots_of(worker)
    frames = []
    for data, header in batch:
        raw = virtio.pack(header) + data
        is_small = len(raw) <= SMALL_MAX and header.gso_type == virtio.GSO_NONE
        slots, number = put(free, TAP_AT, raw, is_small=is_small)
        frames.append((slots, number, TAP_AT + len(raw)))
    sent: list[Transmit] = []

    def send(transmit: Transmit) -> None:
        parts = [memoryview(bytes(part)) for part in transmit.parts]
        sent.append(transmit._replace(parts=parts))

    worker.begin_batch(now)
    worker.encap.encapsulate(port, frames, send)
    return sent


def decapsulate(
    worker: Worker, batch: Iterable[tuple[bytes, str, int]], now: float
) -> list[Delivery]:
    """Put (message, sender, size) into the slots as receives do; return copies of the result."""
    free = slots_of(worker)
    received = []
    for message, sender, size in batch:
        slots, number = put(free, UDP_AT, message, is_small=len(message) <= SMALL_MAX)
        end = UDP_AT + len(message)
        received.append(Message(slots, number, end, sender, size or len(message)))
    delivered: list[Delivery] = []

    def deliver(delivery: Delivery) -> None:
        delivered.append(delivery._replace(parts=[memoryview(b"".join(delivery.parts))]))

    worker.begin_batch(now)
    worker.decap.decapsulate(received, deliver)
    return delivered


Free = tuple[Iterator[tuple[SlotArray, int]], Iterator[tuple[SlotArray, int]]]


def slots_of(worker: Worker) -> Free:
    """Return the large and the small slots, all of them free."""
    large, small = worker.pool.large, worker.pool.small
    return ((large, n) for n in range(len(large))), ((small, n) for n in range(len(small)))


def put(free: Free, at: int, raw: bytes, *, is_small: bool) -> tuple[SlotArray, int]:
    """Put octets into the next slot of an array, over what an earlier batch left there."""
    large, small = free
    slots, number = next(small if is_small else large)
    slots.views[number][at : at + len(raw)] = raw
    return slots, number


def send(
    worker: Worker,
    port: AccessPort,
    data: bytes,
    header: virtio.VirtioHeader = virtio.PLAIN,
    now: float = 0.0,
) -> list[Transmit]:
    return encapsulate(worker, port, [(data, header)], now)


def receive(
    worker: Worker, data: bytes, sender: str = PEER_1, vni: int = 100, now: float = 0.0
) -> list[Delivery]:
    return receive_raw(worker, vxlan.pack(vni) + data, sender, now)


def receive_raw(
    worker: Worker, datagram: bytes, sender: str = PEER_1, now: float = 0.0
) -> list[Delivery]:
    return decapsulate(worker, [(datagram, sender, 0)], now)


def joined(transmit: Transmit) -> bytes:
    """Return all octets of a send."""
    return b"".join(transmit.parts)


def sent_to(transmits: list[Transmit]) -> list[list[str]]:
    return [[peer.ip for peer in transmit.next_hop.peers] for transmit in transmits]


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


def trunk() -> tuple[Worker, AccessPort, Overlay, Overlay]:
    port = AccessPort("trunk0", mac(TAP_MAC))
    red = Overlay(vni=1010, vlan=10, port=port, peers=PEERS, mtu=1450)
    blue = Overlay(vni=1020, vlan=20, port=port, peers=PEERS, mtu=1450)
    return worker_of([red, blue]), port, red, blue
