"""A Vtep in memory that can be asked as a running one: the server is real, the devices are not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.memory import make, put, slots_of
from vtep.control.application import serve
from vtep.control.http.context import Subject
from vtep.control.listener import Door
from vtep.dataplane.decap_spans import Message
from vtep.trace import outcome as observe
from vtep.wire import virtio
from vtep.wire.slot import TAP_AT, UDP_AT

PORTS = range(50000, 50064)


class Asked:
    """The daemon: `vtep` with its `port` and `overlay`, and a forwarder that is told of frames."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.vtep, self.port, self.overlay = make(lanes=64, **options)
        self.forwarder = SimpleNamespace(tracer=None)

    def out(self, data: bytes, header: virtio.VirtioHeader = virtio.PLAIN) -> None:
        """Forward a frame read from the TAP; the witness, if there is one, is told of it."""
        raw = virtio.pack(header) + data
        slots, number = put(slots_of(self.vtep), TAP_AT, raw)
        place = (slots, number, TAP_AT + len(raw))
        self._tell(observe.outbound(self.vtep, self.port, place, 0.0, ports=PORTS))

    def into(self, datagram: bytes, sender: str, size: int = 0) -> None:
        """Forward a message from the underlay."""
        slots, number = put(slots_of(self.vtep), UDP_AT, datagram)
        message = Message(slots, number, UDP_AT + len(datagram), sender, size or len(datagram))
        self._tell(observe.inbound(self.vtep, message, 0.0, port=60001))

    def _tell(self, outcome: observe.Outcome) -> None:
        if self.forwarder.tracer is not None:
            self.forwarder.tracer(outcome)

    @property
    def is_watched(self) -> bool:
        """Tell whether anything costs anything now."""
        overlay = self.overlay
        return any((self.forwarder.tracer, overlay.fdb.watch, overlay.on_unknown))

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer at `path` for the length of the block."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        runtime = SimpleNamespace(vtep=self.vtep, taps={self.port: None}, local="10.0.1.4")
        config = SimpleNamespace(underlay=SimpleNamespace(local="10.0.1.4", dev=None))
        subject = Subject(cast(Any, config), cast(Any, runtime), cast(Any, self.forwarder))
        async with serve([Door("control", listener, str(self.path))], subject):
            yield
        listener.close()

    async def stream(self, path: str) -> "Stream":
        """Ask for a stream, which has begun when this returns."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        return Stream(int(head.split()[1]), reader, writer)


class Stream:
    """An answer under way: its HTTP status, and its octets as they come."""

    def __init__(
        self, status: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.status = status
        self.reader = reader
        self._writer = writer

    async def rest(self) -> bytes:
        """Return what comes up to the end."""
        return await self.reader.read()

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


async def until(condition: Any) -> None:
    """Let the loop run until *condition* gives something true; a TimeoutError after 5 s."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)
