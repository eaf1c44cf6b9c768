"""What happens in tables and to frames, told to those who listen: learned, moved, dropped, ...

While nobody listens nothing here is called.  While somebody does, thousands of MACs a second may
come: each listener is told of some of every kind, and of the others how many there were.  So what
is told adds up to what happened, and takes little memory.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from vtep.control.http.context import SUBJECT
from vtep.control.http.streaming import NDJSON, begin, lines, send
from vtep.dataplane.counters import HARMLESS, Drop, Flood
from vtep.dataplane.fdb import Change
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.vtep import Vtep
from vtep.trace.kinds import DROPPED, FLOODED, Wanted, read_wanted
from vtep.wire.ethernet import format_mac

RATE = 20.0
"""Events of one kind that are told one by one, a second."""
BURST = 40.0
"""How many of them may come at once."""
MOST_WAITING = 1024
"""Events that wait for a listener who does not read."""
TICK_S = 0.25
"""How often counters are compared, and what was not told one by one is summed up."""

Event = dict[str, Any]
_Place = tuple[str, Overlay | None, Counter[Drop]]


@dataclass
class _Bucket:
    """Tokens of one kind of event, filled up at RATE."""

    tokens: float = BURST
    filled: float = 0.0

    def take(self, now: float) -> bool:
        """Tell whether one more may be told."""
        self.tokens = min(BURST, self.tokens + (now - self.filled) * RATE)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Listener:
    """Who is told of events.

    Args:
        vtep: of which.
        wanted: which of them.
    """

    def __init__(self, vtep: Vtep, wanted: Wanted) -> None:
        self._kinds = wanted.kinds
        overlays = vtep.overlays.values()
        self._overlays = {one for one in overlays if wanted.takes(one.port.name, one.vni)}
        self._unsaid = frozenset[Drop]() if wanted.harmless else HARMLESS
        self._waiting: deque[Event] = deque()
        self._buckets = {kind: _Bucket() for kind in self._kinds}
        self._more: Counter[tuple[str, Overlay]] = Counter()
        self._places = list(_places(vtep, wanted))
        self._drops = [Counter(drops) for _, _, drops in self._places]
        self._floods = {one: one.flooded[Flood.UNKNOWN_UNICAST] for one in self._overlays}

    def changed(self, overlay: Overlay, change: Change) -> None:
        """Take what happened to an entry of an FDB."""
        kind, mac, peer, before = change
        if kind in self._kinds and self._may_be_told(kind, overlay):
            self._put(
                _event(kind, overlay, mac)
                | ({"dst": peer.ip} if peer is not None else {})
                | ({"was": before.ip} if before is not None else {})
            )

    def unknown(self, overlay: Overlay, mac: bytes) -> None:
        """Take that a frame to *mac* was flooded, since nobody was heard with it."""
        if (
            FLOODED in self._kinds
            and overlay in self._overlays
            and len(self._waiting) < MOST_WAITING
            and self._buckets[FLOODED].take(time.monotonic())
        ):
            self._floods[overlay] += 1  # tick() tells of those that the counter has beyond these
            self._put(_event(FLOODED, overlay, mac))

    def tick(self) -> None:
        """Compare the counters, and sum up what was not told one by one."""
        if len(self._waiting) >= MOST_WAITING:
            return  # until there is room the counters keep what there is to tell
        if DROPPED in self._kinds:
            self._compare_drops()
        if FLOODED in self._kinds:
            self._compare_floods()
        for (kind, overlay), count in self._more.items():
            self._put(_event(kind, overlay) | {"count": count})
        self._more.clear()

    def take(self) -> list[Event]:
        """Return what waits, the oldest first; nothing waits afterwards."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _may_be_told(self, kind: str, overlay: Overlay) -> bool:
        """Tell whether one more of this kind may be told alone; if not, count it."""
        if overlay not in self._overlays:
            return False
        if len(self._waiting) < MOST_WAITING and self._buckets[kind].take(time.monotonic()):
            return True
        self._more[kind, overlay] += 1
        return False

    def _put(self, event: Event) -> None:
        self._waiting.append(event)

    def _compare_drops(self) -> None:
        for (place, overlay, drops), before in zip(self._places, self._drops, strict=True):
            for reason, count in drops.items():
                more = count - before[reason]
                if more > 0 and reason not in self._unsaid:
                    event = _event(DROPPED, overlay)
                    told = {"place": place, "reason": str(reason), "meaning": reason.meaning}
                    self._put(event | told | {"count": more})
                before[reason] = count

    def _compare_floods(self) -> None:
        for overlay, told in self._floods.items():
            count = overlay.flooded[Flood.UNKNOWN_UNICAST]
            if count > told:
                self._more[FLOODED, overlay] += count - told
            self._floods[overlay] = max(count, told)


async def events(request: web.Request) -> web.StreamResponse:
    """`/v1/events`: what happens from now on, one JSON object a line; query as for read_wanted."""
    listener = Listener(request.app[SUBJECT].vtep, read_wanted(request.query))
    with request.app[EVENTS].told_to(listener):
        response = await begin(request, NDJSON)
        while True:
            await asyncio.sleep(TICK_S)
            listener.tick()
            if waiting := listener.take():
                await send(response, "".join(lines(waiting)).encode())


class Events:
    """Watches the tables of a Vtep for as long as somebody listens."""

    def __init__(self, vtep: Vtep) -> None:
        self._vtep = vtep
        self._listeners: list[Listener] = []

    @contextmanager
    def told_to(self, listener: Listener) -> Iterator[None]:
        """Tell a listener for the length of the block."""
        self._listeners.append(listener)
        self._watch(True)
        try:
            yield
        finally:
            self._listeners.remove(listener)
            self._watch(bool(self._listeners))

    def _watch(self, wanted: bool) -> None:
        for overlay in self._vtep.overlays.values():
            overlay.fdb.watch = partial(self._changed, overlay) if wanted else None
            overlay.on_unknown = partial(self._unknown, overlay) if wanted else None

    def _changed(self, overlay: Overlay, change: Change) -> None:
        for listener in self._listeners:
            listener.changed(overlay, change)

    def _unknown(self, overlay: Overlay, mac: bytes) -> None:
        for listener in self._listeners:
            listener.unknown(overlay, mac)


def _places(vtep: Vtep, wanted: Wanted) -> Iterator[_Place]:
    """Yield where drops are counted of which somebody wants to know."""
    overlays = list(vtep.overlays.values())
    if wanted.vni is None:
        if wanted.dev is None:
            yield "underlay", None, vtep.inbound.drops
        for port in dict.fromkeys(overlay.port for overlay in overlays):
            if wanted.dev in (None, port.name):
                yield f"tap {port.name}", None, port.drops
    for overlay in overlays:
        if wanted.takes(overlay.port.name, overlay.vni):
            yield f"vni {overlay.vni}", overlay, overlay.drops


def _event(kind: str, overlay: Overlay | None, mac: bytes | None = None) -> Event:
    return (
        {"time": round(time.time(), 6), "event": kind}
        | ({"ifname": overlay.port.name, "vni": overlay.vni} if overlay is not None else {})
        | ({"mac": format_mac(mac)} if mac is not None else {})
    )


EVENTS = web.AppKey("events", Events)
ROUTES = (web.get("/v1/events", events),)
