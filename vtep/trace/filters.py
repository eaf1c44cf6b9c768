"""Which frames a capture takes, and when it ends: the options of `vtep capture`, and the query.

Both ends read them by the same words, so that what is wrong is told before anything is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtep.dataplane.counters import Drop
from vtep.errors import UsageError
from vtep.wire import ethernet, vxlan

if TYPE_CHECKING:  # the command is to start at once
    from vtep.trace.outcome import Outcome

ANY = "any"
"""As a reason: whatever the reason."""

_MAX_SNAPLEN = 262_144
_MIN_SNAPLEN = 14


@dataclass(frozen=True, slots=True)
class Selection:
    """What is taken: all that is not None must hold.

    Attributes:
        dev: the TAP's name.
        vni: of the overlay, or written in a datagram that found none.
        mac: the frame's source or destination.
        peer: who got it, or sent it; as text.
        reason: why it, or some of it, was dropped; ANY for any.
    """

    dev: str | None = None
    vni: int | None = None
    mac: bytes | None = None
    peer: str | None = None
    reason: str | None = None

    def takes(self, outcome: "Outcome") -> bool:
        """Tell whether the frame is one of those."""
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
class Bounds:
    """When a capture ends, each None for never, and how much of a packet is kept.

    Attributes:
        count: frames, each on both sides.
        seconds: since it began.
        size: octets of the file.
        snaplen: octets of a packet.
    """

    count: int | None = None
    seconds: float | None = None
    size: int | None = None
    snaplen: int = _MAX_SNAPLEN


KEYS = ("dev", "vni", "mac", "peer", "reason", "count", "seconds", "size", "snaplen")


def read(query: Mapping[str, str]) -> tuple[Selection, Bounds]:
    """Return what a query says; its keys are KEYS.

    Raises:
        ConfigError: a value cannot be; one line says what may stand there.
    """
    for key in query:
        if key not in KEYS:
            raise UsageError(f"unknown key {key!r}: there are {', '.join(KEYS)}")
    selection = Selection(
        dev=query.get("dev"),
        vni=number(query, "vni", 0, vxlan.MAX_VNI),
        mac=_mac(query.get("mac")),
        peer=_peer(query.get("peer")),
        reason=_reason(query.get("reason")),
    )
    bounds = Bounds(
        count=number(query, "count", 1),
        seconds=_seconds(query.get("seconds")),
        size=number(query, "size", 1),
        snaplen=number(query, "snaplen", _MIN_SNAPLEN, _MAX_SNAPLEN) or _MAX_SNAPLEN,
    )
    return selection, bounds


def number(query: Mapping[str, str], key: str, low: int, high: int | None = None) -> int | None:
    """Return a number of a query, None where it is not given.

    Raises:
        ConfigError: it is none, or not within *low* and *high*.
    """
    text = query.get(key)
    if text is None:
        return None
    limit = f"{low}..{high}" if high is not None else f"{low} or more"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UsageError(f"{key} {text!r} is not a whole number: give {limit}")
    found = int(text)
    if found < low or (high is not None and found > high):
        raise UsageError(f"{key} {found} is out of range: give {limit}")
    return found


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 1e9:
        raise UsageError(f"seconds {text!r} is no time: give seconds, more than 0")
    return seconds


def _mac(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return ethernet.parse_mac(text)
    except ValueError as error:
        raise UsageError(f"mac {error}") from None


def _peer(text: str | None) -> str | None:
    if text is None:
        return None
    import ipaddress  # for those who ask for it

    address, _, scope = text.partition("%")
    try:
        ip = str(ipaddress.ip_address(address))
    except ValueError:
        raise UsageError(f"peer {text!r} is no IP address: give that of the VTEP") from None
    return f"{ip}%{scope}" if scope else ip


def _reason(text: str | None) -> str | None:
    if text is None or text == ANY:
        return text
    if text not in Drop._value2member_map_:
        import difflib  # for a mistake only

        near = difflib.get_close_matches(text, list(Drop), 1)
        hint = f"did you mean {near[0]!s}?" if near else f"{ANY}, {', '.join(Drop)}"
        raise UsageError(f"reason {text!r} is none: {hint}")
    return text


def _vni(outcome: "Outcome") -> int | None:
    """Return the VNI of its overlay, or the one its datagram names."""
    if outcome.vni is None and outcome.way == "in":
        return vxlan.parse(outcome.datagrams[0].payload)
    return outcome.vni


def _macs(outcome: "Outcome") -> list[tuple[bytes, bytes]]:
    """Return destination and source of each frame, also of those that were not delivered."""
    frames = [frame for _, frame in outcome.frames]
    if outcome.way == "in":
        frames = [one.payload[vxlan.HEADER_LEN :] for one in outcome.datagrams]
    return [(frame[:6], frame[6:12]) for frame in frames]
