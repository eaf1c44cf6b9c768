"""Tell whoever started us that we are ready: a byte on a descriptor, and systemd's protocol."""

import os
import socket
from contextlib import suppress

from vtep.errors import HostError


def check(fd: int | None) -> None:
    """Refuse a ready descriptor that is not open.

    Raises:
        HostError: it is not open.
    """
    if fd is None:
        return
    try:
        os.fstat(fd)
    except OSError as error:
        raise HostError(
            f"--ready-fd {fd} is not an open file descriptor: have the caller pass it on"
        ) from error


def ready(fd: int | None) -> None:
    r"""Write one b"\n" to *fd* and close it; nothing for None.  A reader that left is ignored.

    Standard input, output and error stay open.

    Raises:
        HostError: *fd* is not open.
    """
    if fd is None:
        return
    check(fd)
    with suppress(OSError):
        os.write(fd, b"\n")
    if fd > 2:
        os.close(fd)


def sd_notify(state: str) -> None:
    """Send *state*, such as "READY=1", to the socket NOTIFY_SOCKET names (sd_notify(3)).

    Nothing happens when it is unset; a service manager that does not listen is ignored.
    """
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    if path.startswith("@"):
        path = "\0" + path[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), path)
