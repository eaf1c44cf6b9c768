"""JSON answers in pieces, so that a long one never holds up the forwarding."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from vtep.control.http.connection import stay

NDJSON = "application/x-ndjson"
PIECE_S = 0.001
"""How long the loop is kept for one part of an answer."""
STALLED_S = 10.0
"""How long a client may take to read what it was sent."""
_LOOK_AT_THE_CLOCK = 4

_encode = json.JSONEncoder(separators=(",", ":")).encode


def pieces(value: Any) -> Iterator[str]:
    """Yield the text of *value* in JSON; an iterator in it becomes an array, a line an element.

    A None that it yields is none: it had nothing to tell yet.
    """
    if isinstance(value, dict):
        before = "{"
        for key, member in value.items():
            yield f"{before}{_encode(key)}:"
            yield from pieces(member)
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


def lines(elements: Iterable[Any]) -> Iterator[str]:
    """Yield each element as one line of JSON; nothing for None."""
    for element in elements:
        yield "" if element is None else f"{_encode(element)}\n"


async def answer(
    request: web.Request, texts: Iterator[str], content_type: str = "application/json"
) -> web.StreamResponse:
    """Answer with *texts*, which may be any number; each is to take little time to make."""
    response = await begin(request, content_type)
    part: list[str] = []
    began = time.monotonic()
    for number, text in enumerate(texts):
        part.append(text)
        if number % _LOOK_AT_THE_CLOCK == 0 and time.monotonic() - began > PIECE_S:
            await send(response, "".join(part).encode())
            part.clear()
            await asyncio.sleep(0)
            began = time.monotonic()
    await send(response, "".join(part).encode())
    async with read_within(STALLED_S):
        await response.write_eof()
    return response


async def begin(request: web.Request, content_type: str) -> web.StreamResponse:
    """Begin an answer that may last as long as the client reads it: see `send`."""
    stay(request)
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.force_close()
    await response.prepare(request)
    return response


async def send(response: web.StreamResponse, octets: bytes) -> None:
    """Write a part of an answer begun by `begin`; a ConnectionError if it is not read in time."""
    async with read_within(STALLED_S):
        await response.write(octets)


@asynccontextmanager
async def read_within(seconds: float) -> AsyncIterator[None]:
    """Raise a ConnectionError if the client does not let the block go on in time."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ConnectionAbortedError("the client does not read") from None
