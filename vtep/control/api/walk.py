"""`/v1/walk`: walk a frame of the client through the offline engine, in a thread."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

_SWITCH_S = 0.0005
"""Longest time the thread keeps the interpreter from the loop that forwards."""


async def walk(request: web.Request) -> web.StreamResponse:
    """`/v1/walk`: the output of `vtep walk --json`; the query has its options."""
    walks = request.app[WALKS]
    if walks.is_full:
        raise web.HTTPServiceUnavailable(text="walks: too many at a time; try again later")
    # Shielded: the thread goes on if the client disconnects, and the next walk waits for it.
    text = await asyncio.shield(walks.submit(dict(request.query)))
    return web.Response(text=text, content_type="application/json")


def run_walk(query: dict[str, str]) -> str:
    """Return a walk as JSON.

    Raises:
        UsageError: an option is wrong.
    """
    from vtep.walk.engine import run
    from vtep.walk.model import result_as_json
    from vtep.walk.options import from_texts

    return json.dumps(result_as_json(run(from_texts(query))))


class WalkQueue:
    """Runs walks one at a time; the others wait.

    Args:
        limit: walks that may wait or run.
        run: makes the response from a query, in a thread.
    """

    def __init__(self, limit: int, run: Callable[[dict[str, str]], str] = run_walk) -> None:
        self._limit = limit
        self._run = run
        self._waiting = 0
        self._lock = asyncio.Lock()

    @property
    def is_full(self) -> bool:
        """Tell whether no further walk may wait."""
        return self._waiting >= self._limit

    def submit(self, query: dict[str, str]) -> "asyncio.Task[str]":
        """Return a task that waits for its turn and makes the response."""
        self._waiting += 1
        task = asyncio.get_running_loop().create_task(self._walk(query))
        task.add_done_callback(self._done)
        return task

    async def _walk(self, query: dict[str, str]) -> str:
        async with self._lock:
            with _short_switch_interval():
                return await asyncio.to_thread(self._run, query)

    def _done(self, task: "asyncio.Task[str]") -> None:
        self._waiting -= 1
        if not task.cancelled():
            task.exception()  # retrieved here: the client that awaited it may be gone


WALKS = web.AppKey("walks", WalkQueue)
ROUTES = (web.get("/v1/walk", walk),)


@contextmanager
def _short_switch_interval() -> Iterator[None]:
    """Let threads run for short times only: the loop has frames to forward."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
