"""Long responses in parts, so that none of them holds up the forwarding."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from vtep.control.http.connection import connection_of
from vtep.control.http.context import LIMITS

NDJSON = "application/x-ndjson"
_PART_S = 0.001
"""Time the event loop is kept for one part of a response."""
_TEXTS_PER_CLOCK = 4
"""Texts that are made between two looks at the clock."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Stream:
    """A response under way; a part that the client does not read in time ends it.

    Args:
        response: prepared, and not ended.
        timeout_s: for one part.
    """

    def __init__(self, response: web.StreamResponse, timeout_s: float) -> None:
        self.response = response
        self._timeout_s = timeout_s

    async def write(self, octets: bytes) -> None:
        """Send a part.

        Raises:
            ConnectionError: the client is gone or does not read.
        """
        async with self._within_timeout():
            await self.response.write(octets)

    async def end(self) -> web.StreamResponse:
        """End the response, and return it.

        Raises:
            ConnectionError: the client is gone or does not read.
        """
        async with self._within_timeout():
            await self.response.write_eof()
        return self.response

    @asynccontextmanager
    async def _within_timeout(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError:
            raise ConnectionAbortedError("the client does not read") from None


async def begin_stream(
    request: web.Request, content_type: str, timeout_s: float | None = None
) -> Stream:
    """Begin a response that lasts as long as the client reads.

    Args:
        request: its connection loses its timeout.
        content_type: of the response.
        timeout_s: for one part; the general limit by default.
    """
    connection_of(request).disable_timeout()
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.force_close()
    await response.prepare(request)
    return Stream(response, timeout_s or request.app[LIMITS].write_timeout_s)


async def stream_text(
    request: web.Request, texts: Iterable[str], content_type: str
) -> web.StreamResponse:
    """Answer with any number of *texts*; making each of them must take little time."""
    stream = await begin_stream(request, content_type)
    part: list[str] = []
    began = time.monotonic()
    for number, text in enumerate(texts):
        part.append(text)
        if number % _TEXTS_PER_CLOCK == 0 and time.monotonic() - began > _PART_S:
            await stream.write("".join(part).encode())
            part.clear()
            await asyncio.sleep(0)
            began = time.monotonic()
    await stream.write("".join(part).encode())
    return await stream.end()


async def stream_json(request: web.Request, value: Any) -> web.StreamResponse:
    """Answer with *value* as JSON; see `iter_json`."""
    return await stream_text(request, iter_json(value), "application/json")


async def stream_lines(request: web.Request, elements: Iterable[Any]) -> web.StreamResponse:
    """Answer with a line of JSON for each element; see `iter_lines`."""
    return await stream_text(request, iter_lines(elements), NDJSON)


def iter_json(value: Any) -> Iterator[str]:
    """Yield the JSON text of *value*.

    An iterator inside becomes an array with one element a line. It may yield None to give up its
    turn: that is not an element.
    """
    if isinstance(value, dict):
        before = "{"
        for key, member in value.items():
            yield f"{before}{_encode(key)}:"
            yield from iter_json(member)
            before = ","
        yield "}" if before == "," else "{}"
    elif isinstance(value, Iterator):
        before = "[\n"
        for element in value:
            if element is None:
                yield ""
                continue
            yield f"{before}{_encode(element)}"
            before = ",\n"
        yield "\n]" if before == ",\n" else "[]"
    else:
        yield _encode(value)


def iter_lines(elements: Iterable[Any]) -> Iterator[str]:
    """Yield one line of JSON for each element; the empty text for None."""
    for element in elements:
        yield "" if element is None else f"{_encode(element)}\n"
