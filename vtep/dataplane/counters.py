"""Named reasons for drops, and the counters of one overlay or peer.

Every frame that is not forwarded is counted under a reason, and every reason has a meaning for
users.
"""

from collections import Counter
from enum import StrEnum


class Drop(StrEnum):
    """Why a frame or datagram was not forwarded.

    Attributes:
        meaning: the reason as a sentence, shown to users.
    """

    meaning: str

    def __new__(cls, name: str, meaning: str) -> "Drop":
        """Make a member whose value is *name*."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    # Received from the underlay.
    RECEIVE_FULL = "receive_full", "the UDP socket's receive buffer was full"
    SHORT = "short", "the datagram is shorter than the VXLAN header"
    BAD_FLAGS = "bad_flags", "the I flag is 0, so there is no valid VNI (RFC 7348 section 5)"
    UNKNOWN_VNI = "unknown_vni", "no overlay here has this VNI"
    UNKNOWN_PEER = "unknown_peer", "the sender is not a peer of this overlay (see --accept-any)"
    PEER_LIMIT = "peer_limit", "too many senders are known under --accept-any"
    AMBIGUOUS = "ambiguous", "cannot tell merged datagrams from one inner UDP GSO packet"
    INNER_VLAN = "inner_vlan", "the inner frame has an 802.1Q tag (see --vlan pass)"

    # In both directions.
    RUNT = "runt", "the frame is shorter than an Ethernet header"
    INVALID_SOURCE = "invalid_source", "the source MAC is a group address or all zeros"
    SELF_SOURCE = "self_source", "a frame of this host came back: its IP outside, or its MAC inside"
    OVERSIZE = "oversize", "the frame is longer than the MTU and cannot be segmented"

    # Read from the TAP.
    TAP_OVERRUN = "tap_overrun", "the TAP's queue was full before it was read"
    UNKNOWN_VLAN = "unknown_vlan", "no overlay on this TAP has this VLAN"
    LOCAL_DESTINATION = "local_destination", "the destination is on this side of the tunnel"
    NO_PEER = "no_peer", "the frame needs flooding, but the overlay has no peer"
    BAD_OFFLOAD = "bad_offload", "the virtio header does not fit the frame it describes"

    # Leaving.
    SOCKET_FULL = "socket_full", "the UDP socket's send buffer is full"
    UNDERLAY_MTU = "underlay_mtu", "the datagram exceeds the path MTU, and vtep never fragments"
    NO_ROUTE = "no_route", "the kernel could not send: no route, link down, or a firewall"
    INJECT_FULL = "inject_full", "the queue of the uplink TAP is full"
    INJECT_REFUSED = "inject_refused", "the kernel refused a packet, or the uplink TAP is gone"
    NOT_FORWARDED = (
        "not_forwarded",
        "the kernel did not forward an injected packet: no route, or a firewall",
    )
    TAP_FULL = "tap_full", "the queue of the TAP is full"
    TAP_DOWN = "tap_down", "the TAP is down"
    TAP_REFUSED = "tap_refused", "the kernel refused the frame"


class Flood(StrEnum):
    """Why a frame went to all peers of its overlay."""

    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    UNKNOWN_UNICAST = "unknown_unicast"


HARMLESS = frozenset({Drop.LOCAL_DESTINATION})
"""Drops that every learning bridge makes; they are not reported as drops."""


class Traffic:
    """Inner frames and their octets, one counter for each direction.

    tx is towards the underlay and rx from it, as `ip -s link` counts a vxlan device.
    """

    __slots__ = ("rx_bytes", "rx_frames", "tx_bytes", "tx_frames")

    def __init__(self) -> None:
        self.tx_frames = 0
        self.tx_bytes = 0
        self.rx_frames = 0
        self.rx_bytes = 0

    def as_dict(self) -> dict[str, int]:
        """Return the four counters by name."""
        return {
            "tx_frames": self.tx_frames,
            "tx_bytes": self.tx_bytes,
            "rx_frames": self.rx_frames,
            "rx_bytes": self.rx_bytes,
        }


class OverlayCounters:
    """The counters of one overlay.

    Args:
        vni: the 24-bit VXLAN network identifier.

    Attributes:
        traffic: inner frames and octets in both directions.
        drops: frames and datagrams that were not forwarded, by reason.
        rx_dropped: how many of `drops` came from the underlay.
        flooded: frames sent to all peers, once each, by cause.
        reserved_bits: datagrams with reserved bits set in the VXLAN header.
        clamped: TCP SYNs whose MSS was lowered.
        last_refused: the last sender that is not a peer, or None.
    """

    def __init__(self, vni: int) -> None:
        self.vni = vni
        self.traffic = Traffic()
        self.drops: Counter[Drop] = Counter()
        self.rx_dropped = 0
        self.flooded: Counter[Flood] = Counter()
        self.reserved_bits = 0
        self.clamped = 0
        self.last_refused: str | None = None

    def drop_received(self, reason: Drop) -> None:
        """Count a datagram from the underlay that is not delivered."""
        self.drops[reason] += 1
        self.rx_dropped += 1

    @property
    def tx_dropped(self) -> int:
        """Frames from the TAP that were not sent, except those dropped for a harmless reason."""
        harmless = sum(self.drops[reason] for reason in HARMLESS)
        return self.drops.total() - self.rx_dropped - harmless


STALE = -1
"""The generation of a flow cache entry that is not valid."""


class Generation:
    """Number of changes to peers, overlays, FDB entries and MTUs so far.

    Flow cache entries of an earlier generation are stale.
    """

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0
