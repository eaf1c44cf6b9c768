"""What the endpoints of the scaling part are given: tables, and random frames that fit them."""

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
    """Return a UDP packet of 64 octets in a frame."""
    return destination + source + _BODY


class Table:
    """An endpoint of one size, and random traffic for it.

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
        """Return the seconds of one batch, from a TAP by chance, to MACs by chance or to all."""
        overlay = self._random.choice(self.overlays)
        batch = [
            frame(endpoint.BROADCAST if flood else self._mac()[0], endpoint.OWN_MAC)
            for _ in range(endpoint.BATCH)
        ]
        return self.endpoint.encapsulate(overlay, batch)

    def decapsulate(self) -> float:
        """Return the seconds of one batch, from MACs, peers and VNIs by chance."""
        batch = []
        for _ in range(endpoint.BATCH):
            source, peer = self._mac()
            vni = self._random.choice(self.overlays).vni
            batch.append((vni, endpoint.address(peer), frame(endpoint.OWN_MAC, source)))
        return self.endpoint.decapsulate(batch)

    def datagrams(self) -> int:
        """Return how many datagrams a flooded frame becomes."""
        flooded = frame(endpoint.BROADCAST, endpoint.OWN_MAC)
        return self.endpoint.datagrams(self.overlays[0], flooded)

    def _mac(self) -> tuple[bytes, int]:
        """Return a MAC of the table, and the peer it was heard from."""
        number = self._random.choice(self._talking)
        return endpoint.mac(number), number % self._peers


def octets_per_entry(macs: int) -> float:
    """Return how many octets of memory an entry of an FDB takes, the MAC itself included."""
    [overlay] = endpoint.Endpoint(1, 1).overlays
    tracemalloc.start()
    try:
        endpoint.fill(overlay, map(endpoint.mac, range(macs)))
        return tracemalloc.get_traced_memory()[0] / macs
    finally:
        tracemalloc.stop()


def sizes(most: int, smallest: int, factor: int) -> Iterator[int]:
    """Yield sizes up to *most*, each *factor* times the one before; *most* is the last."""
    size = smallest
    while size < most:
        yield size
        size *= factor
    yield most
