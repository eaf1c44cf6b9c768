"""`/v1/frames`: a sample of the frames that pass, as lines; `/v1/dissect`: octets in words."""

import asyncio
import json
import string
import time
from collections import deque
from typing import Any

from aiohttp import web

from vtep.control.http.context import FRAMES, SUBJECT
from vtep.control.http.streaming import NDJSON, begin, send
from vtep.dataplane.counters import HARMLESS, Drop
from vtep.dissect import FirstHeader, dissect, headers_as_json, summarize_frame
from vtep.errors import UsageError
from vtep.trace.outcome import Outcome
from vtep.trace.outer_headers import Outside
from vtep.trace.sentence import sentence
from vtep.wire import vxlan
from vtep.wire.ethernet import format_mac

SHOWN = 256
"""Most octets of a frame that a line holds."""
MOST_DISSECTED = 2048
MOST_WAITING = 64
"""Frames that wait for a reader."""
PAUSE_S = 0.2
"""Lines are sent together that come within this time."""

_FIRST: dict[str, FirstHeader] = {"ethernet": "ethernet", "ip": "ip", "vxlan": "vxlan"}


async def frames(request: web.Request) -> web.StreamResponse:
    """`/v1/frames`: a line for each frame of the sample, without an end."""
    with_headers = _yes(request, "headers", default=True)
    sample = Sample(request.app[LINES], with_headers)
    with request.app[FRAMES].sampled(sample.take):
        response = await begin(request, NDJSON)
        while True:
            await send(response, await sample.lines())
            await asyncio.sleep(PAUSE_S)


async def dissected(request: web.Request) -> web.StreamResponse:
    """`/v1/dissect`: the headers and fields of `octets`, written in hexadecimal.

    `first` says what they begin with, `inner` that they are what a tunnel carries, and `size` how
    many there were before they were cut.
    """
    text = request.query.get("octets", "")
    if len(text) % 2 or not set(text) <= set(string.hexdigits):
        raise UsageError("octets must be hexadecimal, two digits for each")
    if len(text) > 2 * MOST_DISSECTED:
        raise UsageError(f"at most {MOST_DISSECTED} octets are dissected")
    first = _FIRST.get(request.query.get("first", "ethernet"))
    if first is None:
        raise UsageError(f"first must be one of {', '.join(_FIRST)}")
    octets = bytes.fromhex(text)
    size = request.query.get("size", str(len(octets)))
    is_cut = size.isdecimal() and len(size) < 9 and int(size) > len(octets)
    port = request.app[SUBJECT].vtep.port
    inner = _yes(request, "inner", default=False)
    return web.json_response({"headers": headers(octets, first, port, inner, is_cut)})


async def reasons(request: web.Request) -> web.StreamResponse:
    """`/v1/reasons`: why frames are dropped, by name."""
    told = {drop: {"meaning": drop.meaning, "harmless": drop in HARMLESS} for drop in Drop}
    return web.json_response(told)


class Lines:
    """The line of the frame that passed last, made once however many readers there are.

    Args:
        outside: makes the packets of the underlay.
        port: the UDP port of VXLAN.
    """

    def __init__(self, outside: Outside, port: int) -> None:
        self._outside = outside
        self._port = port
        self._last: Outcome | None = None
        self._made: dict[bool, str] = {}

    def of(self, outcome: Outcome, *, with_headers: bool) -> str:
        """Return what is told of a frame."""
        if outcome is not self._last:
            self._last = outcome
            self._made.clear()
        line = self._made.get(with_headers)
        if line is None:
            line = self._made[with_headers] = self._make(outcome, with_headers)
        return line

    def _make(self, outcome: Outcome, with_headers: bool) -> str:
        line = record(self._outside, outcome, time.time())
        if with_headers:
            octets, is_cut = bytes.fromhex(line["bytes"]), line["size"] > SHOWN
            is_inner = line["first"] == "ethernet"
            line["headers"] = headers(octets, line["first"], self._port, is_inner, is_cut)
        return f"{json.dumps(line)}\n"


class Sample:
    """Lines of the sample that one reader has not taken yet.

    Args:
        made: makes them.
        with_headers: whether the headers are told, field by field.
    """

    def __init__(self, made: Lines, with_headers: bool) -> None:
        self._made = made
        self._with_headers = with_headers
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()

    def take(self, outcome: Outcome) -> None:
        """Keep what is told of a frame, if there is room."""
        self._arrived.set()
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return
        self._waiting.append(self._made.of(outcome, with_headers=self._with_headers))

    async def lines(self) -> bytes:
        """Wait until there is something, and return all there is."""
        await self._arrived.wait()
        self._arrived.clear()
        told = "".join(self._waiting)
        if self._lost:
            told += f"{json.dumps({'lost': self._lost})}\n"
        self._waiting.clear()
        self._lost = 0
        return told.encode()


def record(outside: Outside, outcome: Outcome, now: float) -> dict[str, Any]:
    """Return what a line says of a frame, but for its headers."""
    frame, octets, first = _octets(outside, outcome)
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
        "bytes": octets[:SHOWN].hex(),
        "size": len(octets),
    }


def headers(
    octets: bytes, first: FirstHeader, port: int, inner: bool, is_cut: bool
) -> list[dict[str, Any]]:
    """Return octets as headers and fields; that some are missing is no problem if they were cut."""
    found = dissect(octets, first, ports=(port,), inner=inner)
    if is_cut:
        found = [
            header._replace(problems=tuple(p for p in header.problems if not p.endswith(" here")))
            for header in found
        ]
    return headers_as_json(found)


def _octets(outside: Outside, outcome: Outcome) -> tuple[bytes, bytes, FirstHeader]:
    """Return the inner frame; what is shown of it, and what that begins with."""
    if not outcome.datagrams:
        [(_, frame)] = outcome.frames
        return frame, frame, "ethernet"
    sent = outcome.datagrams[0]
    frame = sent.payload[vxlan.HEADER_LEN :]
    if sent.rows > 1:  # injected whole: there is no one packet of it
        return frame, sent.payload, "vxlan"
    return frame, outside.packet(sent, sent.payload, is_sent=outcome.way == "out"), "ip"


def _yes(request: web.Request, name: str, *, default: bool) -> bool:
    text = request.query.get(name)
    if text not in (None, "yes", "no"):
        raise UsageError(f"{name} must be yes or no, not {text!r}")
    return default if text is None else text == "yes"


LINES = web.AppKey("lines", Lines)
ROUTES = (
    web.get("/v1/frames", frames),
    web.get("/v1/dissect", dissected),
    web.get("/v1/reasons", reasons),
)
