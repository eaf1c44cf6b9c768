"""Signal readiness to the parent process: a byte on a descriptor, or systemd's protocol."""

import os
import socket
from contextlib import suppress

from vtep.errors import HostError


def check(fd: int | None) -> None:
    """Check that the ready descriptor is open.

    Raises:
        HostError: the descriptor is not open.
    """
    if fd is None:
        return
    try:
        os.fstat(fd)
    except OSError as error:
        raise HostError(
            f"--ready-fd {fd}: not an open file descriptor; let the caller pass it on"
        ) from error


def ready(fd: int | None) -> None:
    r"""Write one b"\n" to *fd* and close it; do nothing for None.

    A closed reading end is ignored. Standard input, output and error stay open.

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
    """Send *state*, such as "READY=1", to the socket in NOTIFY_SOCKET (sd_notify(3)).

    Do nothing if the variable is not set. A service manager that does not listen is ignored.
    """
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    if path.startswith("@"):
        path = "\0" + path[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), path)
