"""HTTP over a Unix socket, as dockerd and the control socket of a vtep speak it."""

import http.client
import socket


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to the Unix socket at `path`.

    Args:
        path: of the socket.
        timeout: seconds for connecting and between two parts of a response; None for no limit.
    """

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
