"""Who is answered, and how what goes wrong is told."""

import ipaddress
import traceback
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from vtep import log
from vtep.control.http.connection import connection_of
from vtep.control.listener import Door
from vtep.errors import UsageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer *request*, or say in JSON why not."""
    try:
        _admit(request, connection_of(request).door)
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
        response = web.json_response({"error": "a bug: the log of the vtep says more"}, status=500)
    response.force_close()
    connection_of(request).hurry()
    return response


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers what not to do with an answer, where it does not say so itself."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _admit(request: web.Request, door: Door) -> None:
    """Raise an HTTPException for what is not answered through *door*."""
    if door.kind == "control":
        return
    if door.kind == "metrics" and request.path != "/metrics":
        raise web.HTTPNotFound(text="only /metrics is answered here")
    if not door.is_loopback and door.kind == "metrics":
        return  # Prometheus asks by whatever name it has; there is nothing here but counters.
    if not _is_plain(request.headers.get("Host", "")):
        raise web.HTTPForbidden(text="ask by an IP address or as localhost")
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise web.HTTPForbidden(text="pages of other sites are not answered")
    if site not in ("none", "same-origin") and request.path != "/":
        raise web.HTTPForbidden(text="pages of other sites are not answered")


def _is_plain(host: str) -> bool:
    """Tell whether *host* is no name that somebody else may have given to our address."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
