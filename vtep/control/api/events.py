"""`/v1/events`: changes of tables and drops of frames: learned, moved, dropped and others.

Events are rate-limited per type and subscriber; suppressed ones are reported as a count, so totals
stay correct. The tables call back only while there is a subscriber.
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

from vtep.control.http.context import DAEMON, LIMITS
from vtep.control.http.streaming import NDJSON, begin_stream, iter_lines
from vtep.control.query import read_events
from vtep.dataplane.counters import HARMLESS, Drop, Flood
from vtep.dataplane.fdb import Change
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.vtep import Vtep
from vtep.trace.filters import DROPPED, FLOODED, EventFilter
from vtep.wire.ethernet import format_mac

_RATE = 20.0
"""Events of one type a second that are reported one by one."""
_BURST = 40.0
"""Events of one type that may be reported one by one without a pause."""
_TICK_S = 0.25
"""Seconds between two comparisons of the counters."""

Event = dict[str, Any]
_Place = tuple[str, Overlay | None, Counter[Drop]]


@dataclass
class _TokenBucket:
    """Tokens for events of one type, refilled at _RATE."""

    tokens: float = _BURST
    filled: float = 0.0

    def take(self, now: float) -> bool:
        """Take a token; return false if there is none."""
        self.tokens = min(_BURST, self.tokens + (now - self.filled) * _RATE)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Subscriber:
    """A queue of events for one client.

    Args:
        vtep: whose events.
        wanted: which of them.
        max_queued: events that may wait; beyond that they are only counted.
    """

    def __init__(self, vtep: Vtep, wanted: EventFilter, max_queued: int = 1024) -> None:
        self._types = wanted.types
        self._max_queued = max_queued
        overlays = vtep.overlays.values()
        self._overlays = {one for one in overlays if wanted.matches(one.port.name, one.vni)}
        self._ignored = frozenset[Drop]() if wanted.harmless else HARMLESS
        self._queue: deque[Event] = deque()
        self._buckets = {kind: _TokenBucket() for kind in self._types}
        self._suppressed: Counter[tuple[str, Overlay]] = Counter()
        self._places = list(_places(vtep, wanted))
        self._drops = [Counter(drops) for _, _, drops in self._places]
        self._floods = {one: one.flooded[Flood.UNKNOWN_UNICAST] for one in self._overlays}

    def changed(self, overlay: Overlay, change: Change) -> None:
        """Add the change of an FDB entry."""
        kind, mac, destination, before = change
        if kind in self._types and self._may_report(kind, overlay):
            self._queue.append(
                _event(kind, overlay, mac)
                | ({"dst": destination.name} if destination is not None else {})
                | ({"was": before.name} if before is not None else {})
            )

    def flooded(self, overlay: Overlay, mac: bytes) -> None:
        """Add that a frame to *mac* was flooded because the FDB has no entry."""
        if (
            FLOODED in self._types
            and overlay in self._overlays
            and len(self._queue) < self._max_queued
            and self._buckets[FLOODED].take(time.monotonic())
        ):
            self._floods[overlay] += 1  # tick() counts only those beyond these
            self._queue.append(_event(FLOODED, overlay, mac))

    def tick(self) -> None:
        """Add drops, and the counts of suppressed events; do nothing while the queue is full."""
        if len(self._queue) >= self._max_queued:
            return  # the counters keep the difference until there is room
        if DROPPED in self._types:
            self._compare_drops()
        if FLOODED in self._types:
            self._compare_floods()
        for (kind, overlay), count in self._suppressed.items():
            self._queue.append(_event(kind, overlay) | {"count": count})
        self._suppressed.clear()

    def take(self) -> list[Event]:
        """Return the queued events, oldest first, and empty the queue."""
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def _may_report(self, kind: str, overlay: Overlay) -> bool:
        """Tell whether one more event of this type is reported itself; if not, count it."""
        if overlay not in self._overlays:
            return False
        if len(self._queue) < self._max_queued and self._buckets[kind].take(time.monotonic()):
            return True
        self._suppressed[kind, overlay] += 1
        return False

    def _compare_drops(self) -> None:
        for (place, overlay, drops), before in zip(self._places, self._drops, strict=True):
            for reason, count in drops.items():
                more = count - before[reason]
                if more > 0 and reason not in self._ignored:
                    about = {"place": place, "reason": str(reason), "meaning": reason.meaning}
                    self._queue.append(_event(DROPPED, overlay) | about | {"count": more})
                before[reason] = count

    def _compare_floods(self) -> None:
        for overlay, reported in self._floods.items():
            count = overlay.flooded[Flood.UNKNOWN_UNICAST]
            if count > reported:
                self._suppressed[FLOODED, overlay] += count - reported
            self._floods[overlay] = max(count, reported)


class EventHub:
    """The subscribers to the events of one Vtep; its tables call back while there are any."""

    def __init__(self, vtep: Vtep) -> None:
        self._vtep = vtep
        self._subscribers: list[Subscriber] = []

    @contextmanager
    def subscribe(self, subscriber: Subscriber) -> Iterator[None]:
        """Give events to a subscriber for the length of the block."""
        self._subscribers.append(subscriber)
        self._set_callbacks(True)
        try:
            yield
        finally:
            self._subscribers.remove(subscriber)
            self._set_callbacks(bool(self._subscribers))

    def _set_callbacks(self, wanted: bool) -> None:
        for overlay in self._vtep.overlays.values():
            overlay.fdb.on_change = partial(self._changed, overlay) if wanted else None
            overlay.on_flood = partial(self._flooded, overlay) if wanted else None

    def _changed(self, overlay: Overlay, change: Change) -> None:
        for subscriber in self._subscribers:
            subscriber.changed(overlay, change)

    def _flooded(self, overlay: Overlay, mac: bytes) -> None:
        for subscriber in self._subscribers:
            subscriber.flooded(overlay, mac)


async def events(request: web.Request) -> web.StreamResponse:
    """`/v1/events`: events from now on, one JSON object a line; for the query see read_events."""
    wanted, limit = read_events(request.query), request.app[LIMITS].event_queue
    subscriber = Subscriber(request.app[DAEMON].vtep, wanted, limit)
    with request.app[EVENTS].subscribe(subscriber):
        stream = await begin_stream(request, NDJSON)
        while True:
            await asyncio.sleep(_TICK_S)
            subscriber.tick()
            if queued := subscriber.take():
                await stream.write("".join(iter_lines(queued)).encode())


def _places(vtep: Vtep, wanted: EventFilter) -> Iterator[_Place]:
    """Yield the name, the overlay and the drop counters of each place the filter includes."""
    overlays = list(vtep.overlays.values())
    if wanted.vni is None:
        if wanted.dev is None:
            yield "underlay", None, vtep.drops
        for port in dict.fromkeys(overlay.port for overlay in overlays):
            if wanted.dev in (None, port.name):
                yield f"tap {port.name}", None, port.drops
    for overlay in overlays:
        if wanted.matches(overlay.port.name, overlay.vni):
            yield f"vni {overlay.vni}", overlay, overlay.drops


def _event(kind: str, overlay: Overlay | None, mac: bytes | None = None) -> Event:
    return (
        {"time": round(time.time(), 6), "event": kind}
        | ({"ifname": overlay.port.name, "vni": overlay.vni} if overlay is not None else {})
        | ({"mac": format_mac(mac)} if mac is not None else {})
    )


EVENTS = web.AppKey("events", EventHub)
ROUTES = (web.get("/v1/events", events),)
