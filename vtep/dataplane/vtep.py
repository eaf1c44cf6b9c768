"""The tables of a VTEP: the overlays of one UDP port, with their peers, FDBs and counters."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from vtep.dataplane.counters import Drop, Generation
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import NO_TRANSPORT, Peer, Transport

MAX_LEARNED_PEERS = 65_536
"""Most peers of an overlay under accept-any: spoofed senders must not fill the memory."""


MAX_EXPIRED_PEERS = 4096
"""Most peers of an overlay that one call of expire removes: about 3 ms."""


class Vtep:
    """All overlays of one UDP port.

    Args:
        overlays: each with a different VNI.
        local_addresses: this host's IP addresses as text: a datagram from one of them is an echo.
        port: the UDP port of every VTEP, ours and theirs.
        max_learned_peers: most peers of an overlay with accept-any.

    Attributes:
        overlays: by VNI; change it with `add_overlay` and `remove_overlay`.
        drops: datagrams that belong to no overlay.
        generation: the number of changes so far, shared by overlays and FDBs.

    Raises:
        ValueError: two overlays have the same VNI, or the same VLAN on one TAP.
    """

    def __init__(
        self,
        overlays: Iterable[Overlay],
        local_addresses: frozenset[str],
        port: int,
        *,
        max_learned_peers: int = MAX_LEARNED_PEERS,
    ) -> None:
        self.overlays: dict[int, Overlay] = {}
        self.local_addresses = local_addresses
        self.port = port
        self.drops: Counter[Drop] = Counter()
        self.generation = Generation()
        self._max_learned_peers = max_learned_peers
        self._transport: Transport = NO_TRANSPORT
        for overlay in overlays:
            self.add_overlay(overlay)

    def add_overlay(self, overlay: Overlay) -> None:
        """Forward for one more overlay from the next batch on.

        Raises:
            ValueError: its VNI, or its VLAN on its TAP, is in use.
        """
        by_vlan = overlay.port.by_vlan
        if overlay.vni in self.overlays:
            raise ValueError(f"VNI {overlay.vni} is in use")
        if by_vlan.get(overlay.vlan, overlay) is not overlay:
            raise ValueError(f"VLAN {overlay.vlan} of {overlay.port.name} is in use")
        self.overlays[overlay.vni] = by_vlan[overlay.vlan] = overlay
        overlay.generation = overlay.fdb.generation = self.generation
        for peer in overlay.peers.values():
            peer.transport = self._transport
        self.invalidate()

    def remove_overlay(self, overlay: Overlay) -> None:
        """Drop its frames and datagrams from the next batch on."""
        by_vlan = overlay.port.by_vlan
        if self.overlays.get(overlay.vni) is overlay:
            del self.overlays[overlay.vni]
        if by_vlan.get(overlay.vlan) is overlay:
            del by_vlan[overlay.vlan]
        self.invalidate()

    def invalidate(self) -> None:
        """Have every flow classified again from the next batch on."""
        self.generation.number += 1

    def use_transport(self, transport: Transport) -> None:
        """Send to all peers, and to peers that are added later, by *transport*."""
        self._transport = transport
        for peer in self.peers():
            peer.transport = transport
        self.invalidate()

    def peers(self) -> Iterator[Peer]:
        """Yield every peer of every overlay."""
        for overlay in self.overlays.values():
            yield from overlay.peers.values()

    def unknown_sender(self, overlay: Overlay, sender: str, now: float) -> Peer | Drop:
        """Return a new Peer for a sender that is not one yet, or why it is not accepted.

        The caller adds the peer to the overlay when its frame is valid.

        Args:
            overlay: the overlay of its VNI.
            sender: its IP address as text, with %scope if it is link-local.
            now: monotonic seconds.
        """
        ip, _, scope = sender.partition("%")
        if ip in self.local_addresses:
            return Drop.SELF_SOURCE
        if not overlay.accept_any:
            return Drop.UNKNOWN_PEER
        if len(overlay.peers) >= self._max_learned_peers:
            return Drop.PEER_LIMIT
        is_ipv6 = ":" in ip
        address = (ip, self.port, 0, int(scope or 0)) if is_ipv6 else (ip, self.port)
        peer = Peer(sender, address, heard_at=now)
        peer.transport = self._transport
        return peer

    def expire(self, now: float) -> None:
        """Remove MACs, and peers accepted under accept-any, that were not heard for too long."""
        for overlay in self.overlays.values():
            overlay.fdb.expire(now)
            if overlay.accept_any:
                oldest = now - overlay.fdb.ageing
                silent = (
                    peer
                    for peer in overlay.peers.values()
                    if peer.heard_at is not None and peer.heard_at <= oldest
                )
                for peer in list(islice(silent, MAX_EXPIRED_PEERS)):
                    overlay.remove_peer(peer)
