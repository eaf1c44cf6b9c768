"""The one place that knows how an endpoint is filled and called; see vtep/endpoint.py.

A batch is as many frames as there are small slots. Writing it into the slots, which the kernel does
for the daemon, is not in the time; nor is any system call.
"""

import time
from collections.abc import Iterable, Sequence

from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import SMALL_SLOTS, Vtep
from vtep.wire import virtio, vxlan
from vtep.wire.slot import TAP_AT, UDP_AT, Place

OWN_MAC = bytes.fromhex("0200000000fe")
"""A container of ours."""
BROADCAST = b"\xff" * 6
BATCH = SMALL_SLOTS
_PLAIN = virtio.pack(virtio.PLAIN)
_NOW = 1.0
_MTU = 1450
_PORT = 4789


def build(vnis: int, peers: int) -> Vtep:
    """Return an endpoint with overlays 1..vnis, each with a TAP and *peers* peers of its own."""
    overlays = []
    for vni in range(1, vnis + 1):
        port = AccessPort(f"vx{vni}", bytes.fromhex("02ffff") + vni.to_bytes(3, "big"))
        addresses = [(address(number), (address(number), _PORT)) for number in range(peers)]
        overlays.append(
            Overlay(vni=vni, port=port, peers=addresses, mtu=_MTU, max_address=0, ageing=1e9)
        )
    return Vtep(overlays, frozenset({"10.0.1.4"}), _PORT)


def address(peer: int) -> str:
    """Return the address of the peer of that number, from 0 on."""
    return f"10.1.{peer >> 8}.{peer & 255}"


def mac(number: int) -> bytes:
    """Return the MAC of that number."""
    return b"\x02" + number.to_bytes(5, "big")


def fill(overlay: Overlay, macs: Iterable[bytes]) -> None:
    """Have the FDB learn *macs*, in turn from each of the peers."""
    peers = list(overlay.peers.values())
    learn = overlay.fdb.learn
    for number, one in enumerate(macs):
        learn(one, peers[number % len(peers)], _NOW)


def encapsulate(vtep: Vtep, overlay: Overlay, frames: Sequence[bytes]) -> float:
    """Return the seconds that encapsulation of *frames*, read from the overlay's TAP, takes.

    In it is a turn of the loop for each datagram to send, as the daemon has one.
    """
    places = [_put(vtep, number, _PLAIN + frame) for number, frame in enumerate(frames)]
    started = time.perf_counter()
    for transmit in vtep.outbound.encapsulate(overlay.port, places, _NOW):
        for _ in transmit.peers:
            pass
    return time.perf_counter() - started


def datagrams(vtep: Vtep, overlay: Overlay, frame: bytes) -> int:
    """Return how many datagrams *frame*, read from the overlay's TAP, becomes."""
    made = vtep.outbound.encapsulate(overlay.port, [_put(vtep, 0, _PLAIN + frame)], _NOW)
    return sum(len(transmit.peers) for transmit in made)


def decapsulate(vtep: Vtep, messages: Sequence[tuple[int, str, bytes]]) -> float:
    """Return the seconds that decapsulation of *messages* takes: (VNI, sender, frame) each."""
    received = []
    for number, (vni, sender, frame) in enumerate(messages):
        slots, _, end = _put(vtep, number, vxlan.pack(vni) + frame)
        received.append(Message(slots, number, end, sender, end - UDP_AT))
    started = time.perf_counter()
    vtep.inbound.decapsulate(received, _NOW)
    return time.perf_counter() - started


def _put(vtep: Vtep, number: int, octets: bytes) -> Place:
    """Put a frame into a small slot, the header in front of it where that belongs."""
    slots = vtep.pool.small
    at = TAP_AT if octets.startswith(_PLAIN) else UDP_AT
    end = at + len(octets)
    slots.views[number][at:end] = octets
    return slots, number, end
