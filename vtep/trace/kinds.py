"""Which events a listener wants: the words of `vtep monitor`, and the query of /v1/events."""

from collections.abc import Mapping
from dataclasses import dataclass

from vtep.errors import UsageError
from vtep.trace.filters import number

FLOODED, DROPPED = "flooded", "dropped"
KINDS = ("learned", "moved", "expired", "refused", FLOODED, DROPPED)
"""The first four happen to an entry of an FDB; flooded: the destination MAC was not in it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are wanted.

    Attributes:
        kinds: some of KINDS.
        dev, vni: of this TAP, of this overlay; None for all.
        harmless: drops that every bridge makes, too.
    """

    kinds: frozenset[str] = frozenset(KINDS)
    dev: str | None = None
    vni: int | None = None
    harmless: bool = False

    def takes(self, dev: str, vni: int) -> bool:
        """Tell whether events of this overlay are wanted."""
        return self.dev in (None, dev) and self.vni in (None, vni)


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """Return what a query says: event (names, a comma between), dev, vni, harmless (1).

    Raises:
        ConfigError: a value cannot be; one line says what may stand there.
    """
    for key in query:
        if key not in ("event", "dev", "vni", "harmless"):
            raise UsageError(f"unknown key {key!r}: there are event, dev, vni, harmless")
    kinds = frozenset(query["event"].split(",")) if query.get("event") else frozenset(KINDS)
    for kind in sorted(kinds - set(KINDS)):
        raise UsageError(f"unknown event {kind!r}: there are {', '.join(KINDS)}")
    vni = number(query, "vni", 0, 0xFFFFFF)
    return Wanted(kinds, query.get("dev"), vni, query.get("harmless") == "1")
