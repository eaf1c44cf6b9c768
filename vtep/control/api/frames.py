"""`/v1/frames`: a sample of the frames, as lines; `/v1/dissect`: headers and fields of octets."""

import asyncio
import json
import string
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from vtep.control.http.context import DAEMON, LIMITS, TRACES
from vtep.control.http.streaming import NDJSON, begin_stream
from vtep.control.query import Query
from vtep.dataplane.counters import HARMLESS, Drop
from vtep.dissect import FirstHeader, dissect, headers_as_json, summarize_frame
from vtep.errors import UsageError
from vtep.trace.outcome import Outcome
from vtep.trace.outer_headers import OuterRebuilder
from vtep.trace.sentence import sentence
from vtep.wire import vxlan
from vtep.wire.ethernet import format_mac

MAX_SHOWN = 256
"""Octets of a frame in a line."""
MAX_DISSECTED = 2048
_COLLECT_S = 0.2
"""Lines that come within this time are sent together."""

_FIRST: dict[str, FirstHeader] = {"ethernet": "ethernet", "ip": "ip", "vxlan": "vxlan"}


async def frames(request: web.Request) -> web.StreamResponse:
    """`/v1/frames`: a line for each frame of the sample, without end; headers=no: no fields."""
    with_headers = Query(request.query).flag("headers") is not False
    sample = SampleQueue(request.app[FRAME_CACHE], with_headers, request.app[LIMITS].sample_queue)
    with request.app[TRACES].subscribe_sample(sample.add):
        stream = await begin_stream(request, NDJSON)
        while True:
            await stream.write(await sample.lines())
            await asyncio.sleep(_COLLECT_S)


async def dissected(request: web.Request) -> web.StreamResponse:
    """`/v1/dissect`: the headers and fields of `octets`, given in hexadecimal.

    `first` is the first header, `inner=yes` marks a frame from inside a tunnel, and `size` is the
    length of the packet before it was cut.
    """
    query = Query(request.query)
    text = query.text("octets") or ""
    if len(text) % 2 or not set(text) <= set(string.hexdigits):
        raise UsageError("octets: not hexadecimal; use two digits for each")
    if len(text) > 2 * MAX_DISSECTED:
        raise UsageError(f"octets: {len(text) // 2} are too many; use at most {MAX_DISSECTED}")
    first = _FIRST[query.choice("first", _FIRST) or "ethernet"]
    octets = bytes.fromhex(text)
    size = query.text("size") or ""
    is_cut = size.isdecimal() and len(size) < 9 and int(size) > len(octets)
    inner = query.flag("inner") or False
    port = request.app[DAEMON].vtep.port
    return web.json_response({"headers": headers(octets, first, port, inner, is_cut)})


async def reasons(request: web.Request) -> web.StreamResponse:
    """`/v1/reasons`: the reasons for drops by name."""
    about = {drop: {"meaning": drop.meaning, "harmless": drop in HARMLESS} for drop in Drop}
    return web.json_response(about)


class FrameCache:
    """The line of the latest frame, made once for all readers.

    Args:
        rebuilder: makes the packets of the underlay.
        port: the UDP port of VXLAN.
        clock: returns seconds since 1970.
    """

    def __init__(
        self, rebuilder: OuterRebuilder, port: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._rebuilder = rebuilder
        self._port = port
        self._clock = clock
        self._latest: Outcome | None = None
        self._lines: dict[bool, str] = {}

    def line(self, outcome: Outcome, *, with_headers: bool) -> str:
        """Return the line of a frame."""
        if outcome is not self._latest:
            self._latest = outcome
            self._lines.clear()
        line = self._lines.get(with_headers)
        if line is None:
            line = self._lines[with_headers] = self._make(outcome, with_headers)
        return line

    def _make(self, outcome: Outcome, with_headers: bool) -> str:
        line = record(self._rebuilder, outcome, self._clock())
        if with_headers:
            octets, is_cut = bytes.fromhex(line["bytes"]), line["size"] > MAX_SHOWN
            is_inner = line["first"] == "ethernet"
            line["headers"] = headers(octets, line["first"], self._port, is_inner, is_cut)
        return f"{json.dumps(line)}\n"


class SampleQueue:
    """Lines of the sample that wait for one reader.

    Args:
        cache: makes the lines.
        with_headers: include headers and fields.
        max_queued: lines that may wait; beyond that frames are only counted.
    """

    def __init__(self, cache: FrameCache, with_headers: bool, max_queued: int = 64) -> None:
        self._cache = cache
        self._with_headers = with_headers
        self._max_queued = max_queued
        self._queue: deque[str] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()

    def add(self, outcome: Outcome) -> None:
        """Queue the line of a frame if there is room."""
        self._arrived.set()
        if len(self._queue) >= self._max_queued:
            self._lost += 1
            return
        self._queue.append(self._cache.line(outcome, with_headers=self._with_headers))

    async def lines(self) -> bytes:
        """Wait until the queue is not empty; return its lines and empty it."""
        await self._arrived.wait()
        self._arrived.clear()
        text = "".join(self._queue)
        if self._lost:
            text += f"{json.dumps({'lost': self._lost})}\n"
        self._queue.clear()
        self._lost = 0
        return text.encode()


def record(rebuilder: OuterRebuilder, outcome: Outcome, now: float) -> dict[str, Any]:
    """Return the keys of a line, except its headers."""
    frame, octets, first = _shown(rebuilder, outcome)
    what, source, destination = summarize_frame(frame)
    reason = next((drop for drop, _ in outcome.drops if drop not in HARMLESS), None)
    return {
        "time": round(now, 3),
        "way": outcome.way,
        "tap": outcome.tap,
        "vni": outcome.vni,
        "decision": outcome.decision,
        "reason": reason,
        "says": sentence(outcome),
        "peers": outcome.peers,
        "age": None if outcome.age is None else round(outcome.age, 1),
        "source": outcome.source,
        "what": what,
        "from": source,
        "to": destination,
        "source_mac": format_mac(frame[6:12]),
        "destination_mac": format_mac(frame[:6]),
        "datagrams": len(outcome.datagrams),
        "first": first,
        "bytes": octets[:MAX_SHOWN].hex(),
        "size": len(octets),
    }


def headers(
    octets: bytes, first: FirstHeader, port: int, inner: bool, is_cut: bool
) -> list[dict[str, Any]]:
    """Return octets as headers and fields; missing ones are not a problem if they were cut."""
    found = dissect(octets, first, ports=(port,), inner=inner)
    if is_cut:
        found = [
            header._replace(problems=tuple(p for p in header.problems if not p.endswith(" here")))
            for header in found
        ]
    return headers_as_json(found)


def _shown(rebuilder: OuterRebuilder, outcome: Outcome) -> tuple[bytes, bytes, FirstHeader]:
    """Return the inner frame, the packet that a line shows, and the packet's first header."""
    if not outcome.datagrams:
        [(_, frame)] = outcome.frames
        return frame, frame, "ethernet"
    sent = outcome.datagrams[0]
    frame = sent.payload[vxlan.HEADER_LEN :]
    if sent.segments > 1:  # an injected GSO frame: it is not one packet
        return frame, sent.payload, "vxlan"
    return frame, rebuilder.packet(sent, sent.payload, is_sent=outcome.way == "out"), "ip"


FRAME_CACHE = web.AppKey("frame_cache", FrameCache)
ROUTES = (
    web.get("/v1/frames", frames),
    web.get("/v1/dissect", dissected),
    web.get("/v1/reasons", reasons),
)
