"""The listening sockets of the control API, opened before any device is changed.

A socket that cannot be opened is reported while nothing has changed yet. Clients that connect
before the daemon is ready wait in the backlog of the socket.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal

from vtep.config.model import Config, address_and_port
from vtep.control import unix_socket
from vtep.errors import HostError

_BACKLOG = 32

Kind = Literal["control", "web", "metrics"]


@dataclass(frozen=True)
class Listener:
    """One listening socket.

    Attributes:
        kind: the option it was opened for; decides which paths it serves.
        name: its path, or "ADDRESS:PORT".
        is_loopback: true if TCP clients can connect from this host only.
    """

    kind: Kind
    socket: socket.socket
    name: str
    is_loopback: bool = False


def open_control(config: Config) -> unix_socket.UnixListener | None:
    """Open the control socket of *config*; return None if it has none."""
    if config.control == "none":
        return None
    if config.control is not None:
        return unix_socket.listen_at(config.control)
    return unix_socket.listen_in_directories(config.overlays[0].tap)


def open_tcp(kind: Kind, place: str) -> Listener:
    """Listen at *place*, a valid "ADDRESS:PORT"."""
    address, port = address_and_port(place)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise HostError(
            f"--{kind} {place}: cannot listen there ({error.strerror}); choose another address"
        ) from error
    return _listener(kind, opened)


def adopt(kind: Kind, fd: int, web_remote: bool) -> Listener:
    """Take over an inherited listening socket, perhaps of another network namespace."""
    try:
        inherited = socket.socket(fileno=fd)
    except OSError as error:
        raise HostError(f"--{kind} fd:{fd}: {error.strerror}; pass a listening socket") from error
    is_tcp = inherited.family in (socket.AF_INET, socket.AF_INET6)
    if not is_tcp or not inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        inherited.close()
        raise HostError(f"--{kind} fd:{fd}: not a listening TCP socket; pass one")
    listener = _listener(kind, inherited)
    if kind == "web" and not listener.is_loopback and not web_remote:
        inherited.close()
        raise HostError(
            f"--web {listener.name}: can be reached from other hosts; use a loopback address, or "
            "add --web-remote"
        )
    return listener


def _listener(kind: Kind, opened: socket.socket) -> Listener:
    address, port, *_ = opened.getsockname()
    name = f"[{address}]:{port}" if opened.family == socket.AF_INET6 else f"{address}:{port}"
    return Listener(kind, opened, name, ipaddress.ip_address(address).is_loopback)
