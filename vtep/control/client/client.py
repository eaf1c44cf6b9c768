"""Ask a running daemon; only the standard library, for the commands are to start at once."""

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeAlias
from urllib.parse import urlencode

from vtep.errors import UsageError

TIMEOUT_S = 30.0
"""How long a daemon may take to go on with an answer."""
_PART = 65536

Query: TypeAlias = Mapping[str, str | int | float | None]
_NOTHING: Query = {}


class Gone(Exception):
    """The daemon went away before it had answered; str() is one line that says so."""


class Forbidden(UsageError):
    """There is a daemon, but we may not ask it."""


class Refused(UsageError):
    """There is a daemon, and its answer is that it does not answer this."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Asks the daemon whose control socket is at `path`, a connection a question.

    Raises:
        ConfigError: of every method, if there is none, or it may not or cannot be asked so.
        Gone: of every method, if it ended meanwhile.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def get(self, path: str, query: Query = _NOTHING, *, timeout: float = TIMEOUT_S) -> Any:
        """Return the JSON answer to a question such as "/v1/show"; None in `query` is left out."""
        with self.stream(path, query, timeout=timeout) as parts:
            text = b"".join(parts)
        try:
            return json.loads(text)
        except ValueError:
            raise Gone(f"the vtep at {self.path} went away") from None

    def lines(
        self, path: str, query: Query = _NOTHING, *, timeout: float | None = None
    ) -> Iterator[bytes]:
        """Yield the lines of an answer that has a JSON object on each, as they come."""
        accept = "application/x-ndjson"
        with self.stream(path, query, accept=accept, timeout=timeout) as parts:
            rest = b""
            for part in parts:
                *complete, rest = (rest + part).split(b"\n")
                yield from complete

    @contextmanager
    def stream(
        self,
        path: str,
        query: Query = _NOTHING,
        *,
        accept: str = "*/*",
        timeout: float | None = TIMEOUT_S,
    ) -> Iterator[Iterator[bytes]]:
        """Ask, and give the octets of the answer as they come; `timeout` is between two parts."""
        connection = _Connection(self.path, timeout)
        given = urlencode({key: value for key, value in query.items() if value is not None})
        try:
            with self._explained():
                connection.request(
                    "GET", path + (f"?{given}" if given else ""), headers={"Accept": accept}
                )
                answer = connection.getresponse()
                if answer.status != http.client.OK:
                    raise Refused(_problem(answer.read(), answer.status))
            yield self._parts(answer)
        finally:
            connection.close()

    def _parts(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        while True:
            with self._explained():
                part = answer.read1(_PART)
            if not part:
                return
            yield part

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what the system's errors mean here."""
        try:
            yield
        except (FileNotFoundError, ConnectionRefusedError):
            raise UsageError(
                f"no vtep listens at {self.path}: start it, or name another --socket"
            ) from None
        except PermissionError:
            raise Forbidden(
                f"not permitted to ask the vtep at {self.path}: ask as its user, or as root"
            ) from None
        except TimeoutError:
            raise Gone(f"the vtep at {self.path} does not answer") from None
        except (ConnectionError, http.client.HTTPException):
            raise Gone(f"the vtep at {self.path} went away") from None
        except OSError as error:
            raise UsageError(f"cannot ask a vtep at {self.path}: {error.strerror or error}") from (
                None
            )


def ahead(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield *parts*, which are taken as fast as they come: a daemon waits for no pager."""
    taken: SimpleQueue[bytes | Exception | None] = SimpleQueue()

    def take() -> None:
        try:
            for part in parts:
                taken.put(part)
            taken.put(None)
        except Exception as error:
            taken.put(error)

    threading.Thread(target=take, daemon=True).start()
    while (part := taken.get()) is not None:
        if isinstance(part, Exception):
            raise part
        yield part


def _problem(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the vtep answered {status}"


def own_netns() -> int:
    """Return the number of our network namespace, as /v1 has that of the daemon."""
    return os.stat("/proc/self/ns/net").st_ino
