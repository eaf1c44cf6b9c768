"""The sockets through which a daemon can be asked, opened before it touches any device.

Whatever is wrong with one is said before anything was changed; and who asks at once waits until
the daemon is ready, for the socket listens already.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Literal

from vtep import log
from vtep.config.model import Config, address_and_port, handed_down
from vtep.control import unix_socket as unix
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Running
from vtep.host.linux import HostError

_BACKLOG = 32

Kind = Literal["control", "web", "metrics"]


@dataclass(frozen=True)
class Door:
    """One listening socket.

    Attributes:
        kind: what it was opened for, and so what is answered through it.
        name: its path, or "ADDRESS:PORT".
        is_loopback: whether only this host can reach it by TCP.
    """

    kind: Kind
    socket: socket.socket
    name: str
    is_loopback: bool = False


class Doors:
    """The open doors of one daemon: stands beside it (vtep.daemon.Beside)."""

    def __init__(self, doors: list[Door], *, unwritable: bool) -> None:
        self._doors = doors
        self._unwritable = unwritable

    @asynccontextmanager
    async def serve(
        self, config: Config, running: Running, forwarder: Forwarder
    ) -> AsyncIterator[None]:
        """Answer through the doors for the length of the block."""
        if self._unwritable:
            places = " nor ".join(unix.directories())
            log.info(f"no control socket: cannot write to {places}; name a path with --control")
        if not self._doors:
            yield
            return
        from vtep.control.application import serve
        from vtep.control.http.context import Subject

        async with serve(self._doors, Subject(config, running, forwarder)):
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
        control = _control(config)
        if control is not None:
            undo.callback(control.close)
            doors.append(Door("control", control.socket, control.path))
        tcp: list[tuple[Kind, str | None]] = [("web", config.web), ("metrics", config.metrics)]
        for kind, place in tcp:
            if place is not None:
                fd = handed_down(place)
                door = _listen(kind, place) if fd is None else _adopt(kind, fd, config.web_remote)
                undo.callback(door.socket.close)
                doors.append(door)
        if doors:
            import vtep.control.application  # noqa: F401 (0.15 s, before anything waits for us)
        yield Doors(doors, unwritable=config.control is None and control is None)


def _control(config: Config) -> unix.Listener | None:
    if config.control == "none":
        return None
    if config.control is not None:
        return unix.listen_at(config.control)
    return unix.listen_somewhere(config.overlays[0].tap)


def _listen(kind: Kind, place: str) -> Door:
    """Listen at *place*, which was checked to be "ADDRESS:PORT"."""
    address, port = address_and_port(place)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise HostError(
            f"cannot listen for --{kind} at {place} ({error.strerror}): choose another"
        ) from error
    return _door(kind, listener)


def _adopt(kind: Kind, fd: int, web_remote: bool) -> Door:
    """Take over a socket that listens already: perhaps in another network namespace than ours."""
    try:
        listener = socket.socket(fileno=fd)
    except OSError as error:
        raise HostError(f"--{kind} fd:{fd}: {error.strerror}: hand down a listening socket") from (
            error
        )
    is_tcp = listener.family in (socket.AF_INET, socket.AF_INET6)
    if not is_tcp or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.close()
        raise HostError(f"--{kind} fd:{fd} is no TCP socket that listens: hand down one that does")
    door = _door(kind, listener)
    if kind == "web" and not door.is_loopback and not web_remote:
        listener.close()
        raise HostError(
            f"web {door.name} can be reached from other hosts: use a loopback address, or add "
            "--web-remote"
        )
    return door


def _door(kind: Kind, listener: socket.socket) -> Door:
    address, port, *_ = listener.getsockname()
    name = f"[{address}]:{port}" if listener.family == socket.AF_INET6 else f"{address}:{port}"
    return Door(kind, listener, name, ipaddress.ip_address(address).is_loopback)
