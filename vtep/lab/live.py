"""A lab that stays up, to be looked at: where its page listens, and what goes on in it.

The page belongs to a vtep in a namespace from which no browser can be reached. So its socket is
made before the lab is entered, in the network of whoever started it, and handed down.
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
_NOBODY = "172.18.0.99"


@contextmanager
def listen(port: int) -> Iterator[socket.socket]:
    """Listen on the loopback of the namespace that we are in now; port 0 is any that is free.

    LabError when the port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_ADDRESS, port))
        except OSError as error:
            raise LabError(
                f"cannot listen at {_ADDRESS}:{port} ({os.strerror(error.errno or 0)}): "
                "choose another, as --web 8790 (make demo WEB=8790)"
            ) from None
        listener.listen(_BACKLOG)
        yield listener


def address_of(listener: socket.socket) -> str:
    """Return what to type into a browser."""
    address, port = listener.getsockname()
    return f"http://{address}:{port}/"


def generate_traffic(first: Container, second: Container) -> None:
    """Let two containers talk a little, in turns, until Ctrl-C.

    About 3 packets a second, a question that nobody answers, and 2 seconds of TCP at 20 Mb/s.
    """
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            ping(first, second.address, count=8, interval=0.3)
            ping(second, first.address, count=8, interval=0.3)
            ping(first, _NOBODY, timeout=0.5)
            iperf3(first, second, "--bitrate", "20M", seconds=2)
