"""Read the queries of the control API.

The daemon reads requests with it, and `vtep capture` and `vtep monitor` check their options with
it before they send them. Standard library only.
"""

from collections.abc import Collection, Mapping, Sequence

from vtep.config.numbers import number, parse_int
from vtep.dataplane.counters import Drop
from vtep.errors import UsageError, did_you_mean
from vtep.trace.filters import (
    ANY,
    EVENT_TYPES,
    MAX_SNAPLEN,
    MIN_SNAPLEN,
    CaptureLimits,
    EventFilter,
    FrameFilter,
)
from vtep.wire.ethernet import parse_mac
from vtep.wire.vxlan import MAX_VNI

CAPTURE_KEYS = ("dev", "vni", "mac", "peer", "reason", "count", "seconds", "size", "snaplen")
FDB_STATES = ("permanent", "static", "dynamic")
"""States of FDB entries, in the words of `bridge`: on the flood list, set by a user, learned."""
EVENT_KEYS = ("event", "dev", "vni", "harmless")
_MAX_SECONDS = 1e9


class Query:
    """The values of a query by key; every method returns None for a key that is not given.

    Args:
        values: the texts.
        keys: those allowed; None to ignore unknown ones.

    Raises:
        UsageError: by all methods; the line names key, value and remedy.
    """

    def __init__(self, values: Mapping[str, str], keys: Sequence[str] | None = None) -> None:
        self._values = values
        for key in values:
            if keys is not None and key not in keys:
                raise UsageError(f"key {key!r}: unknown; use {', '.join(keys)}")

    def text(self, key: str) -> str | None:
        """Return the text as it is."""
        return self._values.get(key)

    def integer(self, key: str, low: int, high: int | None = None) -> int | None:
        """Return a whole number within *low* and *high*."""
        text = self.text(key)
        return None if text is None else parse_int(key, text, low, high)

    def vni(self) -> int | None:
        """Return the VXLAN Network Identifier."""
        return self.integer("vni", 0, MAX_VNI)

    def seconds(self, key: str) -> float | None:
        """Return a time above 0."""
        text = self.text(key)
        if text is None:
            return None
        try:
            seconds = number(text)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds <= _MAX_SECONDS:
            raise UsageError(f"{key} {text!r}: not a time; use a number of seconds above 0")
        return seconds

    def mac(self, key: str) -> bytes | None:
        """Return a MAC address."""
        text = self.text(key)
        if text is None:
            return None
        try:
            return parse_mac(text)
        except ValueError as error:
            raise UsageError(f"{key} {error}") from None

    def address(self, key: str, *words: str) -> str | None:
        """Return an IP address in its usual form, with %scope if it has one, or one of *words*."""
        text = self.text(key)
        if text is None or text in words:
            return text
        import ipaddress  # slow to import

        address, _, scope = text.partition("%")
        try:
            ip = str(ipaddress.ip_address(address))
        except ValueError:
            use = " or ".join(("that of a VTEP", *words))
            raise UsageError(f"{key} {text!r}: not an IP address; use {use}") from None
        return f"{ip}%{scope}" if scope else ip

    def choice(self, key: str, known: Collection[str]) -> str | None:
        """Return one of the *known* words."""
        text = self.text(key)
        if text is not None and text not in known:
            raise UsageError(f"{key} {text!r}: unknown value; {did_you_mean(text, known)}")
        return text

    def flag(self, key: str) -> bool | None:
        """Return true for "yes" and false for "no"."""
        text = self.choice(key, ("yes", "no"))
        return None if text is None else text == "yes"


def read_capture(values: Mapping[str, str]) -> tuple[FrameFilter, CaptureLimits]:
    """Return the filter and the limits of a capture; the keys are CAPTURE_KEYS.

    Raises:
        UsageError: a key is unknown or a value is wrong.
    """
    query = Query(values, CAPTURE_KEYS)
    frames = FrameFilter(
        dev=query.text("dev"),
        vni=query.vni(),
        mac=query.mac("mac"),
        peer=query.address("peer"),
        reason=query.choice("reason", (ANY, *Drop)),
    )
    limits = CaptureLimits(
        count=query.integer("count", 1),
        seconds=query.seconds("seconds"),
        size=query.integer("size", 1),
        snaplen=query.integer("snaplen", MIN_SNAPLEN, MAX_SNAPLEN) or MAX_SNAPLEN,
    )
    return frames, limits


def read_events(values: Mapping[str, str]) -> EventFilter:
    """Return the filter of a subscription to events; the keys are EVENT_KEYS.

    `event` has names with commas between them; `harmless` is 1 to include harmless drops.

    Raises:
        UsageError: a key is unknown or a value is wrong.
    """
    query = Query(values, EVENT_KEYS)
    types = frozenset((query.text("event") or ",".join(EVENT_TYPES)).split(","))
    for unknown in sorted(types - set(EVENT_TYPES)):
        raise UsageError(f"event {unknown!r}: unknown; use {', '.join(EVENT_TYPES)}")
    return EventFilter(types, query.text("dev"), query.vni(), query.text("harmless") == "1")
