"""One connection of a client: what it may send, and how long it may take."""

import asyncio
import logging
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from vtep import log
from vtep.control.listener import Door

MOST_OCTETS = 16_384
"""Of the one request; there is no reason to send more."""
PATIENCE_S = 30.0
"""How long a connection may last unless it is stayed."""


class Connection(RequestHandler):
    """A connection through a door, as aiohttp handles it, within limits."""

    def __init__(
        self,
        manager: web.Server,
        loop: asyncio.AbstractEventLoop,
        door: Door,
        open_now: set["Connection"],
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as web.AppRunner has it
            logger=logging.getLogger("vtep.control"),
            lingering_time=0,
        )
        self.door = door
        self._open_now = open_now
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._open_now.add(self)
        self.hurry()

    def data_received(self, data: bytes) -> None:
        """Take octets, up to the limit."""
        self._received += len(data)
        if self._received > MOST_OCTETS:
            self.force_close()
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        self._open_now.discard(self)
        self.stay()
        super().connection_lost(exc)

    def force_close(self) -> None:
        """Close it at once, whatever the client has not read yet."""
        transport = self.transport
        super().force_close()
        if transport is not None:
            transport.abort()

    def hurry(self) -> None:
        """Let the connection last PATIENCE_S from now on: also where an answer is not fetched."""
        self.stay()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self.force_close)

    def stay(self) -> None:
        """Let the connection last: whoever answers sees to its end."""
        if self._timer is not None:
            self._timer.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request, or one whose answer broke off."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        log.debug(f"control: a request that is none: {exc}")
        response = web.json_response({"error": "this is no HTTP request"}, status=status)
        response.force_close()
        return response


class Full(asyncio.Protocol):
    """Refuses a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and close."""
        refused = cast(asyncio.Transport, transport)
        refused.write(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            b'Connection: close\r\n\r\n{"error":"too many connections: ask again later"}'
        )
        refused.close()


def connection_of(request: web.Request) -> Connection:
    """Return the connection that a request came by."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection


def stay(request: web.Request) -> None:
    """Let the connection of a request last: whoever answers it sees to its end."""
    connection_of(request).stay()
