"""The paths of version 1."""

import os
import time
from contextlib import closing

from aiohttp import web

from vtep import __version__
from vtep.control.api import metrics, state
from vtep.control.http.context import SUBJECT
from vtep.control.http.streaming import NDJSON, answer, lines, pieces

API = 1


async def about(request: web.Request) -> web.StreamResponse:
    """`/v1`: who answers."""
    subject = request.app[SUBJECT]
    return web.json_response(
        {
            "vtep": __version__,
            "api": API,
            "pid": os.getpid(),
            "taps": [port.name for port in subject.runtime.taps],
            "netns": os.stat("/proc/self/ns/net").st_ino,
        }
    )


async def show(request: web.Request) -> web.StreamResponse:
    """`/v1/show`: the overlays, as `ip -s -d link` shows a vxlan device."""
    return await answer(request, pieces(state.overlays(request.app[SUBJECT])))


async def peers(request: web.Request) -> web.StreamResponse:
    """`/v1/peers`: the other VTEPs."""
    found = state.peers(request.app[SUBJECT], time.monotonic())
    return await answer(request, pieces(found))


async def fdb(request: web.Request) -> web.StreamResponse:
    """`/v1/fdb`: the FDB, as `bridge fdb show` shows it; as lines where they are accepted."""
    wanted = state.Wanted.of(request.query)
    with closing(state.entries(request.app[SUBJECT], wanted)) as found:
        if NDJSON in request.headers.get("Accept", ""):
            return await answer(request, lines(found), NDJSON)
        return await answer(request, pieces(found))


async def stats(request: web.Request) -> web.StreamResponse:
    """`/v1/stats`: all counters."""
    return await answer(request, pieces(state.stats(request.app[SUBJECT], time.monotonic())))


async def scrape(request: web.Request) -> web.StreamResponse:
    """`/metrics`: counters for Prometheus."""
    return await answer(request, metrics.texts(request.app[SUBJECT]), metrics.CONTENT_TYPE)


ROUTES = (
    web.get("/metrics", scrape),
    web.get("/v1", about),
    web.get("/v1/show", show),
    web.get("/v1/peers", peers),
    web.get("/v1/fdb", fdb),
    web.get("/v1/stats", stats),
)
