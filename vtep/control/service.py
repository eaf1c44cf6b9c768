"""The control service of a daemon: its sockets are opened before any device is touched.

Errors are reported before anything is changed. Clients that connect early wait until the daemon
is ready.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from vtep import log
from vtep.config.model import Config, inherited_fd
from vtep.control import listener, unix_socket
from vtep.control.listener import Door, Kind
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Runtime


class Doors:
    """The open doors of one daemon: stands beside it (vtep.daemon.Beside)."""

    def __init__(self, doors: list[Door], *, unwritable: bool) -> None:
        self._doors = doors
        self._unwritable = unwritable

    @asynccontextmanager
    async def serve(
        self, config: Config, runtime: Runtime, forwarder: Forwarder
    ) -> AsyncIterator[None]:
        """Answer through the doors for the length of the block."""
        if self._unwritable:
            places = " nor ".join(unix_socket.directories())
            log.info(f"no control socket: cannot write to {places}; name a path with --control")
        if not self._doors:
            yield
            return
        from vtep.control.application import serve
        from vtep.control.http.context import Subject

        async with serve(self._doors, Subject(config, runtime, forwarder)):
            for door in self._doors:
                log.info(f"{door.kind} {door.name}", **{door.kind: door.name})
            yield


@contextmanager
def open_doors(config: Config) -> Iterator[Doors]:
    """Open the sockets that `config` asks for; on leaving, close and remove them.

    Raises:
        HostError: one cannot be opened; nothing is left behind.
    """
    with ExitStack() as undo:
        doors = []
        control = listener.control(config)
        if control is not None:
            undo.callback(control.close)
            doors.append(Door("control", control.socket, control.path))
        tcp: list[tuple[Kind, str | None]] = [("web", config.web), ("metrics", config.metrics)]
        for kind, place in tcp:
            if place is not None:
                fd = inherited_fd(place)
                door = (
                    listener.listen(kind, place)
                    if fd is None
                    else listener.adopt(kind, fd, config.web_remote)
                )
                undo.callback(door.socket.close)
                doors.append(door)
        if doors:
            import vtep.control.application  # noqa: F401 (0.15 s, before anything waits for us)
        yield Doors(doors, unwritable=config.control is None and control is None)
