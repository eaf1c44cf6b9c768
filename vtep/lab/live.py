"""Keep a lab running for the live page: its listening socket, and traffic to watch.

A browser cannot reach the namespace of the vtep that serves the page. So the socket is created
before the process enters the lab, in the caller's own network, and the vtep inherits it.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from vtep.lab.errors import LabError
from vtep.lab.host import Container
from vtep.lab.traffic import iperf3, ping

_ADDRESS = "127.0.0.1"
_BACKLOG = 32
_UNUSED_ADDRESS = "172.18.0.99"


@contextmanager
def listen(port: int) -> Iterator[socket.socket]:
    """Listen on the loopback address of the current namespace; port 0 selects a free port.

    Raises:
        LabError: the port is in use.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_ADDRESS, port))
        except OSError as error:
            raise LabError(
                f"--web {port}: cannot listen at {_ADDRESS}:{port} "
                f"({os.strerror(error.errno or 0)}); choose another port, for example --web 8790"
            ) from None
        listener.listen(_BACKLOG)
        yield listener


def address_of(listener: socket.socket) -> str:
    """Return the URL to open in a browser."""
    address, port = listener.getsockname()
    return f"http://{address}:{port}/"


def generate_traffic(first: Container, second: Container) -> None:
    """Generate light traffic between two containers until Ctrl-C.

    In a loop: pings in both directions, about 3 packets a second; one ping to an unused address;
    2 seconds of TCP at 20 Mb/s.
    """
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            ping(first, second.address, count=8, interval=0.3)
            ping(second, first.address, count=8, interval=0.3)
            ping(first, _UNUSED_ADDRESS, timeout=0.5)
            iperf3(first, second, "--bitrate", "20M", seconds=2)
