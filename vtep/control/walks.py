"""`/v1/walk`: a frame of the asker's through the offline engine, in a thread, one at a time."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

MOST_WAITING = 4
_SWITCH_S = 0.0005
"""How long the thread may keep the interpreter from the loop that forwards."""


async def walk(request: web.Request) -> web.StreamResponse:
    """`/v1/walk`: what `vtep walk --json` prints; the query has its options."""
    line = request.app[LINE]
    if line.waiting >= MOST_WAITING:
        raise web.HTTPServiceUnavailable(text="too many walks at once: ask again")
    line.waiting += 1
    try:
        async with line.lock:
            with _short_turns():
                text = await asyncio.to_thread(_walk, dict(request.query))
    finally:
        line.waiting -= 1
    return web.Response(text=text, content_type="application/json")


class Line:
    """Those who wait for their walk."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


LINE = web.AppKey("line", Line)
ROUTES = (web.get("/v1/walk", walk),)


def _walk(query: dict[str, str]) -> str:
    """Return the walk as JSON.

    Raises:
        ConfigError: an option cannot be.
    """
    from vtep.walk.engine import run
    from vtep.walk.model import as_json
    from vtep.walk.options import from_texts

    return json.dumps(as_json(run(from_texts(query))))


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads take short turns: the loop has frames to forward."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
