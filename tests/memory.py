"""One Vtep in memory, for tests of its decisions: a TAP vx0, VNI 100, two peers."""

from typing import Any

from tests.frames import mac, read_from_tap, received
from vtep.endpoint import AccessPort, Delivery, Overlay, Transmit, Vtep
from vtep.wire import virtio

TAP_MAC = "02:ff:ff:ff:ff:01"
PEER_1, PEER_2 = "10.0.1.41", "10.0.1.42"
PEERS = [(PEER_1, (PEER_1, 4789)), (PEER_2, (PEER_2, 4789))]


def make(**options: Any) -> tuple[Vtep, AccessPort, Overlay]:
    port = AccessPort("vx0", mac(TAP_MAC))
    usual: dict[str, Any] = {"vni": 100, "port": port, "peers": PEERS, "mtu": 1450}
    overlay = Overlay(**(usual | options))
    return Vtep([overlay], frozenset({"10.0.1.4"}), 4789), port, overlay


def send(
    vtep: Vtep,
    port: AccessPort,
    data: bytes,
    header: virtio.VirtioHeader = virtio.PLAIN,
    now: float = 0.0,
) -> list[Transmit]:
    return vtep.encapsulate(port, [read_from_tap(data, header)], now)


def receive(
    vtep: Vtep, data: bytes, sender: str = PEER_1, vni: int = 100, now: float = 0.0
) -> list[Delivery]:
    return vtep.decapsulate([received(data, sender, vni)], now)


def sent_to(transmits: list[Transmit]) -> list[list[str]]:
    return [[peer.ip for peer in transmit.peers] for transmit in transmits]


def delivered(deliveries: list[Delivery]) -> list[bytes]:
    return [bytes(delivery.frame[virtio.HEADER_LEN :]) for delivery in deliveries]


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
