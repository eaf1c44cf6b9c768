"""One overlay and the TAP it is on: the rules for its frames, its FDB, its peers, its counters."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from vtep.dataplane.counters import Drop, Generation, OverlayCounters
from vtep.dataplane.fdb import Fdb
from vtep.dataplane.peer import Peer
from vtep.wire import ethernet, vxlan

REVALIDATE_S = 1.0
"""Longest time a flow cache entry is valid, so the FDB learns of active sources that often."""

NO_MAC = bytes(6)
"""All zeros: never a source."""


class AccessPort:
    """One TAP: its overlays by VLAN id; the overlay of untagged frames under None.

    With no VLAN but None it is an access port, and a tagged frame belongs to the untagged overlay.
    With any VLAN it is a trunk, and a tag that is not listed belongs to no overlay.

    Args:
        name: of the device.
        mac: of the device.
        takes_tso, takes_uso: whether it takes GSO frames of TCP and UDP.

    Attributes:
        by_vlan: its overlays.
        drops: frames from the TAP that belong to no overlay.
    """

    def __init__(
        self, name: str, mac: bytes, *, takes_tso: bool = True, takes_uso: bool = True
    ) -> None:
        self.name = name
        self.mac = mac
        self.takes_tso = takes_tso
        self.takes_uso = takes_uso
        self.by_vlan: dict[int | None, Overlay] = {}
        self.drops: Counter[Drop] = Counter()

    def overlay_of(self, vlan: int | None) -> "Overlay | None":
        """Return the overlay of a frame with this tag (None: untagged)."""
        overlay = self.by_vlan.get(vlan or None)
        if overlay is None and self.by_vlan.keys() == {None}:
            return self.by_vlan[None]
        return overlay


class Overlay(OverlayCounters):
    """One VNI: its FDB, its peers, its rules, its counters.

    Args:
        vni: the 24-bit VXLAN network identifier.
        port: the TAP that its frames come from and go to.
        vlan: its 802.1Q tag on that TAP; None for untagged.
        tags: any further tag is stripped ("strip", RFC 7348 section 6.1) or kept ("pass").
        mtu: octets of the largest IP packet that fits through the underlay.
        ageing: lifetime of an FDB entry that is not refreshed, in seconds.
        max_address: the most FDB entries; 0 for no limit.
        clamp_mss: lower the MSS of TCP SYNs to the MTU, in both directions.
        accept_any: accept datagrams from senders that are not configured as peers.
        peers: (IP as text, socket address) of each VTEP on the flood list.

    Attributes:
        header: the VXLAN header of its datagrams, 8 octets.
        max_frame: octets of the longest frame that leaves in one datagram.
        peers: every VTEP that may send to the overlay, by IP address as text; change it with
            `add_peer` and `remove_peer`.
        flood: the VTEPs on the flood list, a subset of `peers`.
        generation: incremented with every change of peers or MTU.
        on_flood: called with the destination MAC when a frame is flooded because the FDB has no
            entry, at most once per flow and classification; None (the default) costs nothing.
    """

    def __init__(
        self,
        *,
        vni: int,
        port: AccessPort,
        peers: Iterable[tuple[str, tuple[str | int, ...]]],
        mtu: int,
        vlan: int | None = None,
        tags: Literal["strip", "pass"] = "strip",
        ageing: float = 300.0,
        max_address: int = 1_048_576,
        clamp_mss: bool = True,
        accept_any: bool = False,
    ) -> None:
        super().__init__(vni)
        self.header = vxlan.pack(vni)
        self.port = port
        self.vlan = vlan
        self.pass_tags = tags == "pass"
        self.clamp_mss = clamp_mss
        self.accept_any = accept_any
        self.fdb = Fdb(ageing, max_address)
        self.peers = {ip: Peer(ip, address) for ip, address in peers}
        self.flood = tuple(self.peers.values())
        self.generation = Generation()
        self.on_flood: Callable[[bytes], None] | None = None
        self._flood_limits: tuple[int, bool, int] | None = None
        self.mtu = mtu

    @property
    def mtu(self) -> int:
        """Octets of the largest IP packet that fits through the underlay."""
        return self._mtu

    @mtu.setter
    def mtu(self, mtu: int) -> None:
        self._mtu = mtu
        self.max_frame = mtu + ethernet.HEADER_LEN + ethernet.TAG_LEN * self.pass_tags
        self.generation.number += 1

    @property
    def flow_lifetime(self) -> float:
        """Seconds that a flow cache entry is valid: a fraction of the ageing time, at most one."""
        return min(REVALIDATE_S, self.fdb.ageing / 4)

    def add_peer(self, peer: Peer, *, flood: bool) -> None:
        """Accept datagrams from *peer*; with *flood*, put it on the flood list too."""
        self.peers[peer.ip] = peer
        if flood:
            self.flood = (*self.flood, peer)
        self.generation.number += 1

    def remove_peer(self, peer: Peer) -> None:
        """Neither accept datagrams from *peer* nor send to it from the next batch on.

        FDB entries that point to it age out; until then their MACs are unknown.
        """
        del self.peers[peer.ip]
        if peer in self.flood:
            self.flood = tuple(one for one in self.flood if one is not peer)
        self.generation.number += 1

    def limits(self, peers: Sequence[Peer]) -> tuple[bool, int]:
        """Return whether the transports of *peers* take GSO frames, and their max_segments."""
        generation = self.generation.number
        known = self._flood_limits if peers is self.flood else None
        if known is not None and known[0] == generation:
            return known[1:]
        transports = [peer.transport for peer in peers]
        takes_gso = all(transport.takes_gso for transport in transports)
        max_segments = min(transport.max_segments for transport in transports)
        if peers is self.flood:
            self._flood_limits = generation, takes_gso, max_segments
        return takes_gso, max_segments

    def accepts_tag(self, vlan: int) -> bool:
        """Tell whether a frame from a peer may carry this tag to the TAP.

        It may if the same tag, read from the TAP, belongs to this overlay: a peer must not reach a
        VLAN of another overlay.
        """
        return self.pass_tags and self.port.overlay_of(vlan) is self

    def drop_reason(self, frame: memoryview) -> Drop | None:
        """Return why a frame from a peer is dropped; None if it is accepted."""
        if len(frame) < ethernet.HEADER_LEN:
            return Drop.RUNT
        source = frame[6:12]
        if source[0] & 1 or source == NO_MAC:
            return Drop.INVALID_SOURCE
        if source == self.port.mac:
            return Drop.SELF_SOURCE
        tag = ethernet.vlan_id(frame, 0)
        if tag is not None and not self.accepts_tag(tag):
            return Drop.INNER_VLAN
        return None
