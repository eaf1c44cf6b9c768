"""The HTTP application of the control API; it runs on the loop that forwards.

A connection carries one request. It is closed if the client sends too much, sends no request in
time, or does not read the response.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from vtep.control.api import capture, events, frames, show, static, walk
from vtep.control.http.connection import Connection, OverLimit
from vtep.control.http.context import DAEMON, LIMITS, TRACES, DaemonContext
from vtep.control.http.limits import Limits
from vtep.control.http.security import add_security_headers, check_request
from vtep.control.listener import Listener
from vtep.trace.sampler import TraceHub

_SHUTDOWN_TIMEOUT_S = 0.5

ROUTES = (*show.ROUTES, *capture.ROUTES, *events.ROUTES, *frames.ROUTES, *walk.ROUTES)


def make_application(daemon: DaemonContext, limits: Limits | None = None) -> web.Application:
    """Return the application that answers requests about *daemon*."""
    limits = limits or Limits()
    application = web.Application(middlewares=[check_request])
    application[DAEMON] = daemon
    application[LIMITS] = limits
    application[TRACES] = TraceHub(daemon.forwarder)
    application[events.EVENTS] = events.EventHub(daemon.vtep)
    application[frames.FRAME_CACHE] = frames.FrameCache(daemon.outer_rebuilder(), daemon.vtep.port)
    application[walk.WALKS] = walk.WalkQueue(limits.walks)
    application.add_routes([*ROUTES, *static.page_routes()])
    application.on_response_prepare.append(add_security_headers)
    return application


@asynccontextmanager
async def serve(listeners: Sequence[Listener], application: web.Application) -> AsyncIterator[None]:
    """Answer the requests of clients that connect to *listeners*, for the length of the block."""
    runner = web.AppRunner(
        application,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_TIMEOUT_S,
        handler_cancellation=True,
    )
    await runner.setup()
    connections: dict[Listener, set[Connection]] = {one: set() for one in listeners}
    servers = [
        await _accept(listener, runner, application[LIMITS], connections[listener])
        for listener in listeners
    ]
    try:
        yield
    finally:
        for server in servers:
            server.close()
        for connection in set().union(*connections.values()):
            connection.force_close()  # cancels its handler
        await runner.cleanup()


async def _accept(
    listener: Listener, runner: web.AppRunner, limits: Limits, connections: set[Connection]
) -> asyncio.Server:
    """Accept connections of a listener; keep the open ones in *connections*."""
    loop = asyncio.get_running_loop()
    manager = runner.server
    assert manager is not None

    def connect() -> asyncio.Protocol:
        if len(connections) >= limits.connections:
            return OverLimit()
        return Connection(manager, loop, listener, limits, connections)

    if listener.kind == "control":
        return await loop.create_unix_server(connect, sock=listener.socket)
    return await loop.create_server(connect, sock=listener.socket)
