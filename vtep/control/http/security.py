"""Which requests are answered, how errors are reported, and the headers of every response."""

import ipaddress
import os
import traceback
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from vtep import log
from vtep.control.http.connection import connection_of
from vtep.control.listener import Listener
from vtep.errors import UsageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@web.middleware
async def check_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer *request* if its origin is allowed; report errors as JSON."""
    try:
        _check_origin(request, connection_of(request).listener)
        response = await handler(request)
    except web.HTTPException as error:
        response = web.json_response({"error": error.text or error.reason}, status=error.status)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except UsageError as error:
        response = web.json_response({"error": str(error)}, status=400)
    except ConnectionError:
        connection_of(request).force_close()
        raise
    except Exception as error:
        log.error(f"control: {request.path} failed: {error!r}", traceback.format_exc().splitlines())
        problem = f"internal error in the running vtep (pid {os.getpid()}): see its log"
        response = web.json_response({"error": problem}, status=500)
    response.force_close()
    connection_of(request).restart_timeout()
    return response


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add headers for browsers, except those that the response has already."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _check_origin(request: web.Request, listener: Listener) -> None:
    """Raise an HTTPException for a request that *listener* does not answer."""
    if listener.kind == "control":
        return
    if listener.kind == "metrics" and request.path != "/metrics":
        raise web.HTTPNotFound(text="this socket serves /metrics only")
    if not listener.is_loopback and listener.kind == "metrics":
        return  # Prometheus may use any host name; this socket serves counters only.
    if not _is_address_or_localhost(request.headers.get("Host", "")):
        raise web.HTTPForbidden(text="Host must be an IP address or localhost")
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise web.HTTPForbidden(text="requests from pages of other sites are refused")
    if site not in ("none", "same-origin") and request.path != "/":
        raise web.HTTPForbidden(text="requests from pages of other sites are refused")


def _is_address_or_localhost(host: str) -> bool:
    """Return false for any other name: its owner could point it to our address (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
