"""HTTP connections with limits on their number, their size and their time."""

import asyncio
import logging
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from vtep import log
from vtep.control.http.limits import Limits
from vtep.control.listener import Listener


class Connection(RequestHandler):
    """A connection accepted by a listener: aiohttp's, within limits.

    Args:
        manager: the server of aiohttp.
        loop: the event loop.
        listener: the socket that accepted the connection.
        limits: of size and time.
        connections: the open ones of the listener; this one adds and removes itself.
    """

    def __init__(
        self,
        manager: web.Server,
        loop: asyncio.AbstractEventLoop,
        listener: Listener,
        limits: Limits,
        connections: set["Connection"],
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # web.AppRunner passes None too
            logger=logging.getLogger("vtep.control"),
            lingering_time=0,
        )
        self.listener = listener
        self._limits = limits
        self._connections = connections
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timeout of the request."""
        super().connection_made(transport)
        self._connections.add(self)
        self.restart_timeout()

    def data_received(self, data: bytes) -> None:
        """Accept octets up to the limit; close the connection beyond it."""
        self._received += len(data)
        if self._received > self._limits.request_octets:
            self.force_close()
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection from those that are open."""
        self._connections.discard(self)
        self.disable_timeout()
        super().connection_lost(exc)

    def force_close(self) -> None:
        """Close the connection immediately; discard what the client has not read."""
        transport = self.transport
        super().force_close()
        if transport is not None:
            transport.abort()

    def restart_timeout(self) -> None:
        """Close the connection after the request timeout, also if the response is not read."""
        self.disable_timeout()
        self._timer = asyncio.get_running_loop().call_later(
            self._limits.request_timeout_s, self.force_close
        )

    def disable_timeout(self) -> None:
        """Keep the connection open: the handler limits its time itself."""
        if self._timer is not None:
            self._timer.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request; raise ConnectionError if a response has already begun."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun")
        log.debug(f"control: malformed request: {exc}")
        response = web.json_response({"error": "not an HTTP request"}, status=status)
        response.force_close()
        return response


class OverLimit(asyncio.Protocol):
    """Rejects connections above the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer 503 and close."""
        rejected = cast(asyncio.Transport, transport)
        rejected.write(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            b'Connection: close\r\n\r\n{"error":"connections: too many; try again later"}'
        )
        rejected.close()


def connection_of(request: web.Request) -> Connection:
    """Return the connection of a request."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection
