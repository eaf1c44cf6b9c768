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
    # Shielded: a thread goes on though the asker hangs up, and the next has to wait for it.
    text = await asyncio.shield(line.join(dict(request.query)))
    return web.Response(text=text, content_type="application/json")


class Line:
    """Those who wait for their walk."""

    def __init__(self) -> None:
        self.waiting = 0
        self._lock = asyncio.Lock()

    def join(self, query: dict[str, str]) -> "asyncio.Task[str]":
        """Wait for one's turn, and walk."""
        self.waiting += 1
        task = asyncio.get_running_loop().create_task(self._walk(query))
        task.add_done_callback(self._leave)
        return task

    async def _walk(self, query: dict[str, str]) -> str:
        async with self._lock:
            with _short_turns():
                return await asyncio.to_thread(_walk, query)

    def _leave(self, task: "asyncio.Task[str]") -> None:
        self.waiting -= 1
        if not task.cancelled():
            task.exception()  # told to the asker, if he is still there


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
