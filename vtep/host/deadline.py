"""A deadline for HTTP requests; the timeout of http.client is one for each read of a response."""

import http.client
import io
import socket
import time
from functools import partial
from typing import Any


class Deadline:
    """A point in time until which responses must be complete.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds until then; raises TimeoutError if it has passed."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def apply(self, connection: http.client.HTTPConnection) -> None:
        """Let the next request of a connection raise TimeoutError when the deadline passes.

        Connecting, the request and the TLS handshake get the remaining time each.
        """
        connection.timeout = self.remaining()
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        connection.response_class = partial(_Response, self)  # type: ignore[assignment]


class _Response(http.client.HTTPResponse):
    """A response that is read until a deadline."""

    def __init__(self, deadline: Deadline, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach(), deadline))


class _Reader(io.RawIOBase):
    """Reads from a socket through its unbuffered file, until a deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: Deadline) -> None:
        self._sock, self._raw, self._deadline = sock, raw, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(self._deadline.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
