"""State and counters: `/v1`, `/v1/show`, `/v1/fdb`, `/v1/peers`, `/v1/stats` and `/metrics`."""

import os
import time
from contextlib import closing

from aiohttp import web

from vtep import __version__
from vtep.control.api import metrics, state
from vtep.control.http.context import DAEMON
from vtep.control.http.streaming import NDJSON, stream_json, stream_lines, stream_text
from vtep.host.linux import own_netns

API = 1


async def about(request: web.Request) -> web.StreamResponse:
    """`/v1`: versions, process and TAPs."""
    return web.json_response(
        {
            "vtep": __version__,
            "api": API,
            "pid": os.getpid(),
            "taps": request.app[DAEMON].taps,
            "netns": own_netns(),
        }
    )


async def show(request: web.Request) -> web.StreamResponse:
    """`/v1/show`: the overlays, in the form of `ip -s -d link` for a vxlan device."""
    return await stream_json(request, state.overlays(request.app[DAEMON]))


async def peers(request: web.Request) -> web.StreamResponse:
    """`/v1/peers`: the other VTEPs."""
    return await stream_json(request, state.peers(request.app[DAEMON], time.monotonic()))


async def fdb(request: web.Request) -> web.StreamResponse:
    """`/v1/fdb`: the FDB, in the form of `bridge fdb show`; as lines if the client accepts them."""
    wanted = state.read_fdb_filter(request.query)
    with closing(state.entries(request.app[DAEMON], wanted)) as found:
        if NDJSON in request.headers.get("Accept", ""):
            return await stream_lines(request, found)
        return await stream_json(request, found)


async def stats(request: web.Request) -> web.StreamResponse:
    """`/v1/stats`: all counters."""
    return await stream_json(request, state.stats(request.app[DAEMON], time.monotonic()))


async def scrape(request: web.Request) -> web.StreamResponse:
    """`/metrics`: counters for Prometheus."""
    return await stream_text(request, metrics.texts(request.app[DAEMON]), metrics.CONTENT_TYPE)


ROUTES = (
    web.get("/metrics", scrape),
    web.get("/v1", about),
    web.get("/v1/show", show),
    web.get("/v1/peers", peers),
    web.get("/v1/fdb", fdb),
    web.get("/v1/stats", stats),
)
