"""All calls to the data plane: how an endpoint is built, filled and called.

A batch is as many frames as there are small slots, or large ones for GSO frames.  The time does
not include writing it into the slots, which the kernel does for the daemon, nor any system call.
"""

import time
from collections.abc import Iterable, Sequence

from vtep.dataplane.decap import Delivery
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Transmit
from vtep.dataplane.vtep import Vtep
from vtep.dataplane.worker import LARGE_SLOTS, SMALL_SLOTS, Worker
from vtep.wire import virtio, vxlan
from vtep.wire.slot import TAP_AT, UDP_AT, SlotArray, SlotRef

OWN_MAC = bytes.fromhex("0200000000fe")
"""MAC of a container on this host."""
BROADCAST = b"\xff" * 6
BATCH = SMALL_SLOTS
GSO_BATCH = LARGE_SLOTS
_PLAIN = virtio.pack(virtio.PLAIN)
_NOW = 1.0
_MTU = 1450
_PORT = 4789


class Endpoint:
    """Overlays 1..vnis, each with a TAP and *peers* peers of its own.

    Attributes:
        overlays: in the order of their VNI.
        merged: number of GSO frames from decapsulation so far.
    """

    def __init__(self, vnis: int, peers: int) -> None:
        self.overlays = []
        for vni in range(1, vnis + 1):
            port = AccessPort(f"vx{vni}", bytes.fromhex("02ffff") + vni.to_bytes(3, "big"))
            addresses = [(address(number), (address(number), _PORT)) for number in range(peers)]
            self.overlays.append(
                Overlay(vni=vni, port=port, peers=addresses, mtu=_MTU, max_address=0, ageing=1e9)
            )
        self.merged = 0
        self._worker = Worker(Vtep(self.overlays, frozenset({"10.0.1.4"}), _PORT))
        self._small, self._large = self._worker.pool.small, self._worker.pool.large

    def drops(self) -> int:
        """Return the number of dropped frames and datagrams."""
        return self._worker.vtep.drops.total() + sum(one.drops.total() for one in self.overlays)

    def encapsulate(self, overlay: Overlay, frames: Sequence[bytes]) -> float:
        """Return the seconds for encapsulating *frames*, as read from the overlay's TAP.

        They include a loop over the datagrams to send, as the daemon has one.
        """
        return self._encapsulate(
            overlay,
            [_put(self._small, at, TAP_AT, _PLAIN + one) for at, one in enumerate(frames)],
        )

    def encapsulate_gso(
        self, overlay: Overlay, frames: Sequence[tuple[virtio.VirtioHeader, bytes]]
    ) -> float:
        """Return the seconds for encapsulating GSO frames."""
        packed = (virtio.pack(header) + frame for header, frame in frames)
        return self._encapsulate(
            overlay, [_put(self._large, at, TAP_AT, one) for at, one in enumerate(packed)]
        )

    def decapsulate(self, messages: Sequence[tuple[int, str, bytes]]) -> float:
        """Return the seconds for decapsulating *messages*, each (VNI, sender, frame)."""
        received = []
        for at, (vni, sender, frame) in enumerate(messages):
            slots, number, end = _put(self._small, at, UDP_AT, vxlan.pack(vni) + frame)
            received.append(Message(slots, number, end, sender, end - UDP_AT))
        return self._decapsulate(received)

    def decapsulate_merged(self, messages: Sequence[tuple[int, str, Sequence[bytes]]]) -> float:
        """Return the seconds for decapsulating messages that the kernel merged (UDP_GRO).

        Each is (VNI, sender, frames); all frames but the last have the same length.
        """
        received = []
        for at, (vni, sender, frames) in enumerate(messages):
            header = vxlan.pack(vni)
            octets = b"".join(header + frame for frame in frames)
            slots, number, end = _put(self._large, at, UDP_AT, octets)
            received.append(Message(slots, number, end, sender, len(header) + len(frames[0])))
        return self._decapsulate(received)

    def _encapsulate(self, overlay: Overlay, places: Sequence[SlotRef]) -> float:
        started = time.perf_counter()
        self._worker.begin_batch(_NOW)
        self._worker.encap.encapsulate(overlay.port, places, _send)
        return time.perf_counter() - started

    def _decapsulate(self, received: Sequence[Message]) -> float:
        deliveries: list[Delivery] = []
        started = time.perf_counter()
        self._worker.begin_batch(_NOW)
        self._worker.decap.decapsulate(received, deliveries.append)
        seconds = time.perf_counter() - started
        self.merged += sum(
            one.parts[0][virtio.GSO_TYPE_AT] != virtio.GSO_NONE for one in deliveries
        )
        return seconds


def _send(transmit: Transmit) -> None:
    """Loop over the peers, as the daemon does."""
    for _ in transmit.next_hop.peers:
        pass


def address(peer: int) -> str:
    """Return the IP address of peer *peer*, numbered from 0."""
    return f"10.1.{peer >> 8}.{peer & 255}"


def mac(number: int) -> bytes:
    """Return the MAC address with this number."""
    return b"\x02" + number.to_bytes(5, "big")


def fill(overlay: Overlay, macs: Iterable[bytes]) -> None:
    """Let the FDB learn *macs*, from each of the peers in turn."""
    peers = list(overlay.peers.values())
    learn = overlay.fdb.learn
    for number, one in enumerate(macs):
        learn(one, peers[number % len(peers)], _NOW)


def _put(slots: SlotArray, number: int, at: int, octets: bytes) -> SlotRef:
    """Put a frame, with the header in front of it, into a slot at *at*."""
    end = at + len(octets)
    slots.views[number][at:end] = octets
    return slots, number, end
