"""One overlay and the TAP it is on: what stays the same from frame to frame, and the counters."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

from vtep.dataplane.counters import Drop, Flood, Traffic
from vtep.dataplane.fdb import Fdb
from vtep.dataplane.peer import Peer
from vtep.wire import ethernet, vxlan

NO_MAC = bytes(6)
"""All zeros: no source is that."""


class AccessPort:
    """One TAP: the overlays on it by VLAN id; the one that takes untagged frames under None.

    With no VLAN but None it is an access port, and a tagged frame belongs to the untagged
    overlay.  With any VLAN it is a trunk, and a tag that is not listed belongs to nobody.

    Args:
        name: of the device.
        mac: of the device.
        takes_tso, takes_uso: whether it takes super-frames of TCP and UDP.
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

    Attributes:
        flood: the VTEPs on the flood list.
        flooded: frames that went to all of them, once each, by why.
        on_unknown: is told of a MAC that nobody was heard with when frames to it are flooded, once
            for each flow and batch; None, as usual, if nobody wants to know.
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
        self.flooded: Counter[Flood] = Counter()
        self.on_unknown: Callable[[bytes], None] | None = None
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

    def why_not(self, frame: memoryview) -> Drop | None:
        """Return why a frame from a peer may not pass; None if it may."""
        if len(frame) < ethernet.HEADER_LEN:
            return Drop.RUNT
        source = frame[6:12]
        if source[0] & 1 or source == NO_MAC:
            return Drop.INVALID_SOURCE
        if source == self.port.mac:
            return Drop.SELF_SOURCE
        tag = ethernet.vlan_id(frame, 0)
        if tag is not None and not self.takes_tag(tag):
            return Drop.INNER_VLAN
        return None
