"""Answers over HTTP, on the loop that forwards: small, bounded, and never its end.

One request a connection; a connection that sends too much, or asks nothing for long, is closed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from vtep.control.api import capture as captures
from vtep.control.api import events
from vtep.control.api import frames as sample
from vtep.control.api import show as api
from vtep.control.api import walk as walks
from vtep.control.api.events import EVENTS, Events
from vtep.control.api.static import page_routes
from vtep.control.http.connection import Connection, Full
from vtep.control.http.context import FRAMES, SUBJECT, Subject, outside_of
from vtep.control.http.security import guard, secure
from vtep.control.listener import Door
from vtep.trace.sampler import Frames

MOST_CONNECTIONS = 32
"""Of one door at a time."""
_END_S = 0.5

ROUTES = (*api.ROUTES, *captures.ROUTES, *events.ROUTES, *sample.ROUTES, *walks.ROUTES)


@asynccontextmanager
async def serve(doors: Sequence[Door], subject: Subject) -> AsyncIterator[None]:
    """Answer questions about `subject` that come through `doors` for the length of the block."""
    app = web.Application(middlewares=[guard])
    app[SUBJECT] = subject
    app[FRAMES] = Frames(subject.forwarder)
    app[EVENTS] = Events(subject.vtep)
    app[sample.LINES] = sample.Lines(outside_of(subject), subject.vtep.port)
    app[walks.LINE] = walks.Line()
    app.add_routes([*ROUTES, *page_routes()])
    app.on_response_prepare.append(secure)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_END_S, handler_cancellation=True)
    await runner.setup()
    open_now: dict[Door, set[Connection]] = {door: set() for door in doors}
    listening = [await _listen(door, runner, open_now[door]) for door in doors]
    try:
        yield
    finally:
        for server in listening:
            server.close()
        for connection in set().union(*open_now.values()):
            connection.force_close()  # which cancels its handler
        await runner.cleanup()


async def _listen(door: Door, runner: web.AppRunner, open_now: set[Connection]) -> asyncio.Server:
    """Accept connections through a door, and keep those that are open in a set."""
    loop = asyncio.get_running_loop()
    manager = runner.server
    assert manager is not None

    def accept() -> asyncio.Protocol:
        if len(open_now) >= MOST_CONNECTIONS:
            return Full()
        return Connection(manager, loop, door, open_now)

    if door.kind == "control":
        return await loop.create_unix_server(accept, sock=door.socket)
    return await loop.create_server(accept, sock=door.socket)
