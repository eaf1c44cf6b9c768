"""The control service of a daemon: open its listeners first, serve them while it forwards."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager

from vtep import log
from vtep.config.model import Config, inherited_fd
from vtep.control.listener import Kind, Listener, adopt, open_control, open_tcp
from vtep.control.unix_socket import socket_directories
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Runtime


class ControlService:
    """The service that runs beside the forwarding (vtep.daemon.process.Service).

    Args:
        listeners: open sockets; the caller closes them.
        unwritable: true if no directory for the control socket could be written.
    """

    def __init__(self, listeners: Sequence[Listener], *, unwritable: bool) -> None:
        self.listeners = tuple(listeners)
        self._unwritable = unwritable

    @asynccontextmanager
    async def serve(
        self, config: Config, runtime: Runtime, forwarder: Forwarder
    ) -> AsyncIterator[None]:
        """Answer requests for the length of the block."""
        if self._unwritable:
            places = " nor ".join(socket_directories())
            log.info(f"no control socket: cannot write to {places}; set a path with --control")
        if not self.listeners:
            yield
            return
        from vtep.control.application import make_application, serve
        from vtep.control.http.context import DaemonContext

        application = make_application(DaemonContext(config, runtime, forwarder))
        async with serve(self.listeners, application):
            for listener in self.listeners:
                log.info(f"{listener.kind} {listener.name}", **{listener.kind: listener.name})
            yield


@contextmanager
def open_listeners(config: Config) -> Iterator[ControlService]:
    """Open the sockets that `config` asks for; on leaving, close and remove them.

    Raises:
        HostError: one of them cannot be opened; the others are closed.
    """
    with ExitStack() as undo:
        listeners = []
        control = open_control(config)
        if control is not None:
            undo.callback(control.close)
            listeners.append(Listener("control", control.socket, control.path))
        tcp: list[tuple[Kind, str | None]] = [("web", config.web), ("metrics", config.metrics)]
        for kind, place in tcp:
            if place is None:
                continue
            fd = inherited_fd(place)
            listener = open_tcp(kind, place) if fd is None else adopt(kind, fd, config.web_remote)
            undo.callback(listener.socket.close)
            listeners.append(listener)
        if listeners:
            # Takes 0.15 s: import it before any client waits for an answer.
            import vtep.control.application  # noqa: F401
        yield ControlService(listeners, unwritable=config.control is None and control is None)
