"""Tables of an endpoint, and random small frames for their entries."""

import random
import tracemalloc
from collections.abc import Iterator

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from bench.scaling import endpoint

MACS_PER_VNI = 100
_PAYLOAD = 64
_BODY = bytes(
    Ether() / IP(src="172.18.0.11", dst="172.18.0.12") / UDP(sport=9, dport=9) / bytes(_PAYLOAD)
)[12:]

Frame = bytes


def frame(destination: bytes, source: bytes) -> Frame:
    """Return a frame with a UDP payload of 64 octets."""
    return destination + source + _BODY


class Table:
    """An endpoint with tables of one size, and random traffic for it.

    Args:
        vnis, peers: how many overlays, and peers of each.
        macs: how many MACs are in the FDB of each overlay.
        talking: how many of them have traffic; None for all.
    """

    def __init__(self, vnis: int, peers: int, macs: int, talking: int | None = None) -> None:
        self.endpoint = endpoint.Endpoint(vnis, peers)
        self.overlays = self.endpoint.overlays
        self._peers = peers
        self._random = random.Random(macs * vnis + peers)
        self._talking = self._random.sample(range(macs), min(talking or macs, macs))
        for overlay in self.overlays:
            endpoint.fill(overlay, map(endpoint.mac, range(macs)))

    def encapsulate(self, *, flood: bool = False) -> float:
        """Return the seconds of a batch from a random TAP, to random MACs or to all peers."""
        overlay = self._random.choice(self.overlays)
        batch = [
            frame(endpoint.BROADCAST if flood else self._mac()[0], endpoint.OWN_MAC)
            for _ in range(endpoint.BATCH)
        ]
        return self.endpoint.encapsulate(overlay, batch)

    def decapsulate(self) -> float:
        """Return the seconds of a batch from random MACs, peers and VNIs."""
        batch = []
        for _ in range(endpoint.BATCH):
            source, peer = self._mac()
            vni = self._random.choice(self.overlays).vni
            batch.append((vni, endpoint.address(peer), frame(endpoint.OWN_MAC, source)))
        return self.endpoint.decapsulate(batch)

    def _mac(self) -> tuple[bytes, int]:
        """Return a MAC of the table, and its peer."""
        number = self._random.choice(self._talking)
        return endpoint.mac(number), number % self._peers


def octets_per_entry(macs: int) -> float:
    """Return the octets of memory of an FDB entry, including the MAC."""
    [overlay] = endpoint.Endpoint(1, 1).overlays
    tracemalloc.start()
    try:
        endpoint.fill(overlay, map(endpoint.mac, range(macs)))
        return tracemalloc.get_traced_memory()[0] / macs
    finally:
        tracemalloc.stop()


def sizes(most: int, smallest: int, factor: int) -> Iterator[int]:
    """Yield sizes from *smallest* on, each *factor* times the previous one; *most* is the last."""
    size = smallest
    while size < most:
        yield size
        size *= factor
    yield most
