"""Filters of captures and of events: which frames, which events, and when a capture ends.

vtep.control.query reads them from options and queries.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtep.wire import vxlan

if TYPE_CHECKING:  # numpy, which commands must not import
    from vtep.trace.outcome import Outcome

ANY = "any"
"""As a reason: dropped for any reason."""

MIN_SNAPLEN, MAX_SNAPLEN = 14, 262_144

FLOODED, DROPPED = "flooded", "dropped"
EVENT_TYPES = ("learned", "moved", "expired", "refused", FLOODED, DROPPED)
"""The first four happen to an entry of an FDB; flooded: the destination MAC had no entry."""


@dataclass(frozen=True, slots=True)
class FrameFilter:
    """Which frames a capture records: all conditions that are not None must hold.

    Attributes:
        dev: the TAP's name.
        vni: of the overlay, or in a datagram without one.
        mac: source or destination MAC address of the frame.
        peer: IP address of the receiver or sender, as text.
        reason: name of the reason it was dropped for, at least in part; or ANY.
    """

    dev: str | None = None
    vni: int | None = None
    mac: bytes | None = None
    peer: str | None = None
    reason: str | None = None

    def matches(self, outcome: "Outcome") -> bool:
        """Tell whether a capture records the frame."""
        return (
            self.dev in (None, outcome.tap)
            and (self.vni is None or self.vni == _vni(outcome))
            and (self.peer is None or self.peer in outcome.peers)
            and (self.reason is None or self._dropped(outcome))
            and (self.mac is None or any(self.mac in pair for pair in _macs(outcome)))
        )

    def _dropped(self, outcome: "Outcome") -> bool:
        return any(self.reason in (ANY, drop) for drop, _ in outcome.drops)


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """When a capture ends, and how much of each packet it keeps; None: no limit.

    Attributes:
        count: frames; both sides of a frame count as one.
        seconds: since the capture began.
        size: octets of the file.
        snaplen: octets of a packet.
    """

    count: int | None = None
    seconds: float | None = None
    size: int | None = None
    snaplen: int = MAX_SNAPLEN


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a subscriber gets.

    Attributes:
        types: some of EVENT_TYPES.
        dev, vni: of this TAP, of this overlay; None for all.
        harmless: include drops that are normal for a learning bridge.
    """

    types: frozenset[str] = frozenset(EVENT_TYPES)
    dev: str | None = None
    vni: int | None = None
    harmless: bool = False

    def matches(self, dev: str, vni: int) -> bool:
        """Tell whether the subscriber gets events of this overlay."""
        return self.dev in (None, dev) and self.vni in (None, vni)


def _vni(outcome: "Outcome") -> int | None:
    """Return the VNI of the overlay, or of a datagram without one."""
    if outcome.vni is None and outcome.way == "in":
        return vxlan.parse(outcome.datagrams[0].payload)
    return outcome.vni


def _macs(outcome: "Outcome") -> list[tuple[bytes, bytes]]:
    """Return destination and source of each frame, delivered or not."""
    frames = [frame for _, frame in outcome.frames]
    if outcome.way == "in":
        frames = [one.payload[vxlan.HEADER_LEN :] for one in outcome.datagrams]
    return [(frame[:6], frame[6:12]) for frame in frames]
