"""Vtep: what to do with a batch of frames or of datagrams.  No I/O, no clock: it is told `now`.

Theory of operation.  A frame's way out and its way in, in the order of the code:

    encapsulate                                   decapsulate
    -----------                                   -----------
    which overlay? the 802.1Q tag says            which overlay? the VNI says
    take the tags off, or pass them               is the sender a peer of it?
    is the source MAC one that can be?            is the source MAC one that can be?
    learn it: LOCAL                               learn it: the sender
    to whom? the FDB, or the flood list           fits its MTU? tags allowed?
    cut, finish checksums, clamp the MSS          describe it to the kernel, clamp the MSS
    header over header, out of the socket         put the tag on, header over header, to the TAP

Frames travel in slots (wire/slot.py): each direction writes one header over the other, in
place, and what is returned points into the slots.  So the caller must have sent or written all
of it before it reuses them.

Order: what comes out has the order of what went in; nothing is held back.  Split horizon:
decapsulate returns deliveries to a TAP only, so nothing from the underlay returns to it.
Nothing here raises for what the network sent: a bad frame is a Drop with a name.
"""

import errno
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from vtep import mtu as mtu_
from vtep.counters import Drop, Traffic
from vtep.fdb import LOCAL, Fdb, Peer
from vtep.offload import partial
from vtep.offload.segment import complete_checksum, segment
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.slot import FRAME_AT, TAP_AT, UDP_AT

MAX_LEARNED_PEERS = 65_536
"""The most senders kept under accept-any, per overlay: a spoofer must not fill the memory."""

_NO_MAC = bytes(6)
_UDP_HEADER_LEN = 8
_SEND_ERRORS = {
    errno.EAGAIN: Drop.SOCKET_FULL,
    errno.ENOBUFS: Drop.SOCKET_FULL,
    errno.ENOMEM: Drop.SOCKET_FULL,
    errno.EMSGSIZE: Drop.UNDERLAY_MTU,
}
_WRITE_ERRORS = {
    errno.EAGAIN: Drop.TAP_FULL,
    errno.ENOBUFS: Drop.TAP_FULL,
    errno.ENOMEM: Drop.TAP_FULL,
    errno.EIO: Drop.TAP_DOWN,
}


class AccessPort:
    """One TAP: the overlays on it by VLAN id; the one that takes untagged frames under None.

    With no VLAN but None it is an access port, and a tagged frame belongs to the untagged
    overlay.  With any VLAN it is a trunk, and a tag that is not listed belongs to nobody.
    """

    def __init__(self, name: str, mac: bytes) -> None:
        self.name = name
        self.mac = mac
        self.by_vlan: dict[int | None, Overlay] = {}
        self.drops: Counter[Drop] = Counter()

    def overlay_of(self, vlan: int | None) -> "Overlay | None":
        """Return the overlay a frame with this tag (None: untagged) belongs to."""
        overlay = self.by_vlan.get(vlan or None)
        if overlay is None and self.by_vlan.keys() == {None}:
            return self.by_vlan[None]
        return overlay


class Overlay:
    """One VNI: its table, its peers, its rules, its counters.

    Args:
        vni: the 24-bit VXLAN network identifier.
        port: the TAP its frames come from and go to; the overlay enters itself there.
        vlan: its 802.1Q tag on that TAP; None for untagged.
        tags: what becomes of any further tag: "strip" as RFC 7348 section 6.1 says, or "pass".
        mtu: octets of the largest IP packet that fits through the underlay.
        ageing: seconds an unheard MAC is remembered.
        max_address: the most MACs remembered; 0 for no limit.
        clamp_mss: lower the MSS of TCP SYNs to what fits, in both directions.
        accept_any: take datagrams from senders that are not on the list.
        peers: (IP as text, socket address) of each VTEP on the flood list.
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
        self.vni = vni
        self.header = vxlan.pack(vni)
        self.port = port
        self.vlan = vlan
        self.pass_tags = tags == "pass"
        self.mtu = mtu
        self.max_frame = mtu + ethernet.HEADER_LEN + ethernet.TAG_LEN * self.pass_tags
        self.clamp_mss = clamp_mss
        self.accept_any = accept_any
        self.fdb = Fdb(ageing, max_address)
        self.peers = {ip_: Peer(ip_, address) for ip_, address in peers}
        self.flood = tuple(self.peers.values())
        self.traffic = Traffic()
        self.drops: Counter[Drop] = Counter()
        self.flooded = 0
        self.reserved_bits = 0
        self.clamped = 0
        self.last_refused: str | None = None
        port.by_vlan[vlan] = self

    def takes_tag(self, vlan: int) -> bool:
        """Tell whether a frame from a peer may carry this tag to the TAP.

        Only where the same tag, read from the TAP, would come to this overlay: a peer must not
        reach a VLAN that is another overlay's.
        """
        return self.pass_tags and self.port.overlay_of(vlan) is self


class Transmit(NamedTuple):
    """One datagram to send to each of *peers*; it points into a slot until that is reused."""

    overlay: Overlay
    datagram: memoryview
    peers: Sequence[Peer]


class Delivery(NamedTuple):
    """One frame, its virtio header in front, to write to the TAP of *overlay*."""

    overlay: Overlay
    frame: memoryview


class Vtep:
    """All overlays of one UDP port.

    Args:
        overlays: each with a VNI of its own.
        local_addresses: this host's IP addresses as text: a datagram from one of them is an echo.
        port: the UDP port of every VTEP, ours and theirs.

    Raises:
        ValueError: two overlays have one VNI.
    """

    def __init__(
        self, overlays: Iterable[Overlay], local_addresses: frozenset[str], port: int
    ) -> None:
        self.overlays: dict[int, Overlay] = {}
        for overlay in overlays:
            if overlay.vni in self.overlays:
                raise ValueError(f"VNI {overlay.vni} is given twice")
            self.overlays[overlay.vni] = overlay
        self.local_addresses = local_addresses
        self.port = port
        self.drops: Counter[Drop] = Counter()

    # -- from a TAP to the underlay

    def encapsulate(
        self, port: AccessPort, batch: Iterable[tuple[memoryview, int]], now: float
    ) -> list[Transmit]:
        """Turn frames read from the TAP of *port* into datagrams to send.

        Args:
            port: where the frames were read.
            batch: (slot, end): virtio header at slot[6:16], frame at slot[16:end].
            now: monotonic seconds.
        """
        transmits: list[Transmit] = []
        for whole, end in batch:
            slot = whole[:end]
            if end < FRAME_AT + ethernet.HEADER_LEN:
                port.drops[Drop.RUNT] += 1
                continue
            at = FRAME_AT
            vlan = ethernet.vlan_id(slot, at)
            overlay = port.overlay_of(vlan)
            if overlay is None:
                port.drops[Drop.UNKNOWN_VLAN] += 1
                continue
            if vlan is not None:
                at = _take_tags_off(overlay, slot, at)
            peers = self._destinations(overlay, slot, at, now)
            if isinstance(peers, Drop):
                overlay.drops[peers] += 1
                continue
            datagrams = _datagrams(overlay, slot, at)
            if isinstance(datagrams, Drop):
                overlay.drops[datagrams] += 1
                continue
            octets = sum(map(len, datagrams)) - vxlan.HEADER_LEN * len(datagrams)
            for peer in peers:
                peer.traffic.tx_frames += len(datagrams)
                peer.traffic.tx_bytes += octets
            overlay.traffic.tx_frames += len(datagrams) * len(peers)
            overlay.traffic.tx_bytes += octets * len(peers)
            transmits += [Transmit(overlay, datagram, peers) for datagram in datagrams]
        return transmits

    def _destinations(
        self, overlay: Overlay, slot: memoryview, at: int, now: float
    ) -> Sequence[Peer] | Drop:
        """Learn the source MAC of the frame at *at*; return the peers that get the frame."""
        if len(slot) - at < ethernet.HEADER_LEN:
            return Drop.RUNT
        source = bytes(slot[at + 6 : at + 12])
        if source[0] & 1 or source == _NO_MAC:
            return Drop.INVALID_SOURCE
        overlay.fdb.learn(source, LOCAL, now)
        if not slot[at] & 1:
            peer = overlay.fdb.lookup(bytes(slot[at : at + 6]), now)
            if peer is LOCAL:
                return Drop.LOCAL_DESTINATION
            if peer is not None:
                return (peer,)
        if not overlay.flood:
            return Drop.NO_PEER
        overlay.flooded += 1
        return overlay.flood

    def send_failed(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Count that *transmit* did not leave for *peer*; *error* is the socket's errno."""
        overlay = transmit.overlay
        overlay.drops[_SEND_ERRORS.get(error, Drop.NO_ROUTE)] += 1
        octets = len(transmit.datagram) - vxlan.HEADER_LEN
        for traffic in (overlay.traffic, peer.traffic):
            traffic.tx_frames -= 1
            traffic.tx_bytes -= octets

    # -- from the underlay to a TAP

    def decapsulate(
        self, batch: Iterable[tuple[memoryview, int, str]], now: float
    ) -> list[Delivery]:
        """Turn datagrams received from the underlay into frames to write to a TAP.

        Args:
            batch: (slot, end, sender's IP as text, with %scope if it has one): VXLAN header at
                slot[8:16], frame at slot[16:end].
            now: monotonic seconds.
        """
        deliveries: list[Delivery] = []
        for whole, end, sender in batch:
            slot = whole[:end]
            if end < FRAME_AT:
                self.drops[Drop.SHORT] += 1
                continue
            vni = vxlan.parse(slot, UDP_AT)
            if vni is None:
                self.drops[Drop.BAD_FLAGS] += 1
                continue
            overlay = self.overlays.get(vni)
            if overlay is None:
                self.drops[Drop.UNKNOWN_VNI] += 1
                continue
            peer = overlay.peers.get(sender) or self._stranger(overlay, sender, now)
            if isinstance(peer, Drop):
                overlay.drops[peer] += 1
                overlay.last_refused = sender
                continue
            if vxlan.reserved_bits(slot, UDP_AT):
                overlay.reserved_bits += 1
            frame = self._accept(overlay, peer, slot, now)
            if isinstance(frame, Drop):
                overlay.drops[frame] += 1
                continue
            overlay.peers.setdefault(sender, peer)
            for traffic in (overlay.traffic, peer.traffic):
                traffic.rx_frames += 1
                traffic.rx_bytes += end - FRAME_AT
            deliveries.append(Delivery(overlay, frame))
        return deliveries

    def _stranger(self, overlay: Overlay, sender: str, now: float) -> Peer | Drop:
        """Return a Peer for a sender that is not on the list, to be kept if its frame is good."""
        ip_, _, scope = sender.partition("%")
        if ip_ in self.local_addresses:
            return Drop.SELF_SOURCE
        if not overlay.accept_any:
            return Drop.UNKNOWN_PEER
        if len(overlay.peers) >= MAX_LEARNED_PEERS:
            return Drop.PEER_LIMIT
        ipv6 = ":" in ip_
        address = (ip_, self.port, 0, int(scope or 0)) if ipv6 else (ip_, self.port)
        return Peer(sender, address, heard_at=now)

    def _accept(
        self, overlay: Overlay, peer: Peer, slot: memoryview, now: float
    ) -> memoryview | Drop:
        """Learn the source MAC; return the frame with its virtio header, ready for the TAP."""
        if len(slot) < FRAME_AT + ethernet.HEADER_LEN:
            return Drop.RUNT
        source = bytes(slot[FRAME_AT + 6 : FRAME_AT + 12])
        if source[0] & 1 or source == _NO_MAC:
            return Drop.INVALID_SOURCE
        if source == overlay.port.mac:
            return Drop.SELF_SOURCE
        tag = ethernet.vlan_id(slot, FRAME_AT)
        if tag is not None and not overlay.takes_tag(tag):
            return Drop.INNER_VLAN
        frame = slot[FRAME_AT:]
        description = virtio.PLAIN
        headers = ip.locate(frame)
        if headers is not None and partial.is_partial(frame, headers):
            described = partial.describe(frame, headers, overlay.mtu)
            if described is None:
                return Drop.OVERSIZE
            description = described
        if headers is not None and overlay.clamp_mss:
            overlay.clamped += mtu_.clamp_mss(
                frame, headers, overlay.mtu, partial=description is not virtio.PLAIN
            )
        if peer.heard_at is not None:
            peer.heard_at = now
        overlay.fdb.learn(source, peer, now)
        at = FRAME_AT
        if overlay.vlan is not None:
            at = ethernet.push_tag(slot, at, overlay.vlan)
            description = partial.shift(description, ethernet.TAG_LEN)
        at -= virtio.HEADER_LEN
        virtio.pack_into(slot, at, description)
        return slot[at:]

    def write_failed(self, delivery: Delivery, error: int) -> None:
        """Count that the TAP did not take *delivery*; *error* is its errno.

        It stays counted as received, which it was; a frame that could not be sent was not sent.
        """
        delivery.overlay.drops[_WRITE_ERRORS.get(error, Drop.TAP_REFUSED)] += 1

    # -- time

    def expire(self, now: float) -> None:
        """Forget MACs, and senders accepted under accept-any, that were not heard for long."""
        for overlay in self.overlays.values():
            overlay.fdb.expire(now)
            if overlay.accept_any:
                for peer in list(overlay.peers.values()):
                    if peer.heard_at is not None and now - peer.heard_at >= overlay.fdb.ageing:
                        del overlay.peers[peer.ip]


def _take_tags_off(overlay: Overlay, slot: memoryview, at: int) -> int:
    """Take the overlay's own tag off, and any other that may not pass; return the new start."""
    if overlay.vlan is not None:
        at = ethernet.pop_tag(slot, at)
    while not overlay.pass_tags and ethernet.vlan_id(slot, at) is not None:
        at = ethernet.pop_tag(slot, at)
    return at


def _datagrams(overlay: Overlay, slot: memoryview, at: int) -> list[memoryview] | Drop:
    """Return the frame at *at* as datagrams that fit: one, or many for a super-frame."""
    frame = slot[at:]
    header = partial.shift(virtio.parse(slot, TAP_AT), FRAME_AT - at)
    if header.gso_type != virtio.GSO_NONE:
        rows = segment(frame, header, overlay.mtu, overlay.header)
        if rows is not None:
            return [memoryview(row) for row in rows]
        one_datagram = header.csum_start + _UDP_HEADER_LEN + header.gso_size
        uncut = header.gso_type == virtio.GSO_UDP_L4 and one_datagram > overlay.max_frame
        return Drop.OVERSIZE if uncut else Drop.BAD_OFFLOAD
    if header.flags & virtio.NEEDS_CSUM and not complete_checksum(frame, header):
        return Drop.BAD_OFFLOAD
    if len(frame) > overlay.max_frame:
        return Drop.OVERSIZE
    if overlay.clamp_mss:
        headers = ip.locate(frame)
        if headers is not None:
            overlay.clamped += mtu_.clamp_mss(frame, headers, overlay.mtu, partial=False)
    slot[at - vxlan.HEADER_LEN : at] = overlay.header
    return [slot[at - vxlan.HEADER_LEN :]]
