"""Vtep: all overlays of one UDP port, and the two ways through them.

Theory of operation.  Frames travel in slots (wire/slot.py): the caller puts a batch into them, each
direction writes one header over the other, in place, and what is returned points into the slots.
So the caller must have sent or written all of it before it fills them again.

encapsulate.py is the way out and decapsulate.py the way in, each told at the top of its file in the
order of its code.  No I/O, no clock: they are told `now`.  Nothing here raises for what the network
sent: a bad frame is a Drop with a name.
"""

from collections.abc import Iterable, Iterator

from vtep.dataplane.decap import Decapsulator
from vtep.dataplane.encap import Encapsulator
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import Peer
from vtep.wire.slot import Pool

LARGE_SLOTS, SMALL_SLOTS = 16, 64
"""Most super-frames, and most other frames, handled in one turn."""


class Vtep:
    """All overlays of one UDP port.

    Args:
        overlays: each with a VNI of its own.
        local_addresses: this host's IP addresses as text.
        port: the UDP port of every VTEP, ours and theirs.
        lanes: how many UDP source ports there are to spread flows over.
        trust: see Decapsulator.

    Attributes:
        pool: where the caller puts a batch, of one direction at a time.
        outbound: from a TAP to the underlay.
        inbound: from the underlay to a TAP.

    Raises:
        ValueError: two overlays have one VNI.
    """

    def __init__(
        self,
        overlays: Iterable[Overlay],
        local_addresses: frozenset[str],
        port: int,
        lanes: int = 1,
        *,
        trust: bool = False,
    ) -> None:
        self.overlays: dict[int, Overlay] = {}
        for overlay in overlays:
            if overlay.vni in self.overlays:
                raise ValueError(f"VNI {overlay.vni} is given twice")
            self.overlays[overlay.vni] = overlay
        self.port = port
        self.pool = Pool(LARGE_SLOTS, SMALL_SLOTS)
        self.outbound = Encapsulator(self.pool, lanes)
        self.inbound = Decapsulator(self.pool, self.overlays, local_addresses, port, trust=trust)

    def peers(self) -> Iterator[Peer]:
        """Yield every peer of every overlay."""
        for overlay in self.overlays.values():
            yield from overlay.peers.values()

    def expire(self, now: float) -> None:
        """Forget MACs, and senders accepted under accept-any, that were not heard for long."""
        for overlay in self.overlays.values():
            overlay.fdb.expire(now)
            if overlay.accept_any:
                for peer in list(overlay.peers.values()):
                    if peer.heard_at is not None and now - peer.heard_at >= overlay.fdb.ageing:
                        del overlay.peers[peer.ip]
