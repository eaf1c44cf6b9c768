"""The sockets through which a daemon can be asked, opened before it touches any device.

Whatever is wrong with one is said before anything was changed; and who asks at once waits until
the daemon is ready, for the socket listens already.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal

from vtep.config.model import Config, address_and_port
from vtep.control import unix_socket as unix
from vtep.errors import HostError

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


def control(config: Config) -> unix.Listener | None:
    """Open the control socket of *config*; None where it has none."""
    if config.control == "none":
        return None
    if config.control is not None:
        return unix.listen_at(config.control)
    return unix.listen_somewhere(config.overlays[0].tap)


def listen(kind: Kind, place: str) -> Door:
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


def adopt(kind: Kind, fd: int, web_remote: bool) -> Door:
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
