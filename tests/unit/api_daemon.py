"""A control API over a Vtep in memory: the server is real, devices and forwarder are not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.memory import make, put, slots_of
from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.control.application import make_application, serve
from vtep.control.http.context import DaemonContext
from vtep.control.http.limits import Limits
from vtep.control.listener import Listener
from vtep.control.unix_socket import UnixListener
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.vtep import Vtep
from vtep.trace import outcome as observe
from vtep.wire import virtio
from vtep.wire.slot import TAP_AT, UDP_AT

PORTS = range(50000, 50064)
LOCAL = "10.0.1.4"


@dataclass
class MemoryDevices:
    """The devices of a daemon that has none."""

    vtep: Vtep
    taps: dict[AccessPort, None]
    local: str = LOCAL


@dataclass
class IdleDirection:
    """Poll counters of one direction that has read nothing."""

    frames: int = 0
    sizes: list[int] = field(default_factory=lambda: [0] * 7)
    busy: float = 0.0


@dataclass
class MemoryForwarder:
    """A forwarder that forwards only what a test gives to ApiDaemon."""

    tracer: Callable[[observe.Outcome], None] | None = None
    encap_stats: IdleDirection = field(default_factory=IdleDirection)
    decap_stats: IdleDirection = field(default_factory=IdleDirection)


class ApiDaemon:
    """The daemon: `vtep` with its `port` and `overlay`, a `forwarder`, and the `application`.

    Args:
        path: of the control socket.
        limits: of the control service.
        options: of the overlay.
    """

    def __init__(self, path: Path, limits: Limits | None = None, **options: Any) -> None:
        self.path = path
        self.worker, self.port, self.overlay = make(source_ports=64, **options)
        self.forwarder = MemoryForwarder()
        overlay = OverlayConfig(vni=100, tap="vx0", accept_any=True)
        config = Config(UnderlayConfig(local=LOCAL), (overlay,))
        devices = MemoryDevices(self.worker.vtep, {self.port: None})
        context = DaemonContext(config, devices, self.forwarder)
        self.application = make_application(context, limits)

    def out(self, data: bytes, header: virtio.VirtioHeader = virtio.PLAIN) -> None:
        """Forward a frame read from the TAP, and trace it if there is a tracer."""
        raw = virtio.pack(header) + data
        slots, number = put(slots_of(self.worker), TAP_AT, raw, is_small=False)
        place = (slots, number, TAP_AT + len(raw))
        self._trace(observe.outbound(self.worker, self.port, place, 0.0, ports=PORTS))

    def into(self, datagram: bytes, sender: str, size: int = 0) -> None:
        """Forward a message from the underlay, and trace it if there is a tracer."""
        slots, number = put(slots_of(self.worker), UDP_AT, datagram, is_small=False)
        message = Message(slots, number, UDP_AT + len(datagram), sender, size or len(datagram))
        self._trace(observe.inbound(self.worker, message, 0.0, port=60001))

    def _trace(self, outcome: observe.Outcome) -> None:
        if self.forwarder.tracer is not None:
            self.forwarder.tracer(outcome)

    @property
    def is_watched(self) -> bool:
        """Tell whether a tracer or a callback is installed."""
        overlay = self.overlay
        return any((self.forwarder.tracer, overlay.fdb.on_change, overlay.on_flood))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the API at `path` for the length of the block."""
        opened = UnixListener(str(self.path))
        try:
            async with serve([Listener("control", opened.socket, opened.path)], self.application):
                yield
        finally:
            opened.close()

    async def stream(self, path: str) -> "Response":
        """Send a request; return when the response has begun."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        return Response(int(head.split()[1]), reader, writer)


class Response:
    """A response under way: its HTTP status, and its octets as they come."""

    def __init__(
        self, status: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.status = status
        self.reader = reader
        self._writer = writer

    async def rest(self) -> bytes:
        """Return the octets up to the end."""
        return await self.reader.read()

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until *condition* returns a true value; raise TimeoutError after 5 s."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)
