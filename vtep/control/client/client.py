"""Query a running daemon; standard library only, so that commands start quickly."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeAlias
from urllib.parse import urlencode

from vtep.errors import UsageError
from vtep.host.unix_http import UnixConnection

TIMEOUT_S = 30.0
"""Longest time between two parts of a response."""
_PART = 65536

Query: TypeAlias = Mapping[str, str | int | float | None]
_NO_QUERY: Query = {}


class Gone(Exception):
    """The daemon ended before its response did; str() is one line for the user.

    Attributes:
        fact, remedy: its two parts.
    """

    def __init__(
        self, path: str, why: str = "went away", remedy: str = "see its log, and start it again"
    ) -> None:
        self.fact = f"the vtep at {path}: {why}"
        self.remedy = remedy
        super().__init__(f"{self.fact}; {remedy}")


class Forbidden(UsageError):
    """The user may not connect to the daemon."""


class Refused(UsageError):
    """The daemon answered with an error."""


class Failed(Refused):
    """The request met a bug of the daemon; its log has the details."""


class Client:
    """A client of the daemon whose control socket is `path`; each request has its own connection.

    Raises:
        UsageError: by all methods: no daemon listens there, access is denied, or the request is
            wrong.
        Gone: by all methods: the daemon ended meanwhile.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def get(self, path: str, query: Query = _NO_QUERY, *, timeout: float = TIMEOUT_S) -> Any:
        """Return the JSON response to a path such as "/v1/show"; None in `query` is left out."""
        with self.stream(path, query, timeout=timeout) as parts:
            text = b"".join(parts)
        try:
            return json.loads(text)
        except ValueError:
            raise Gone(self.path) from None

    def lines(
        self, path: str, query: Query = _NO_QUERY, *, timeout: float | None = None
    ) -> Iterator[bytes]:
        """Yield the lines of a response with one JSON object a line, as they come."""
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
        query: Query = _NO_QUERY,
        *,
        accept: str = "*/*",
        timeout: float | None = TIMEOUT_S,
    ) -> Iterator[Iterator[bytes]]:
        """Send a request and yield an iterator over the parts of the response, as they come.

        Args:
            path: such as "/v1/capture".
            query: keys and values; None is left out.
            accept: media types of the response.
            timeout: seconds between two parts; None for no limit.
        """
        connection = UnixConnection(self.path, timeout)
        given = urlencode({key: value for key, value in query.items() if value is not None})
        try:
            with self._errors_explained():
                connection.request(
                    "GET", path + (f"?{given}" if given else ""), headers={"Accept": accept}
                )
                response = connection.getresponse()
                if response.status != http.client.OK:
                    is_bug = response.status == http.client.INTERNAL_SERVER_ERROR
                    problem = _problem(response.read(), response.status)
                    raise Failed(problem) if is_bug else Refused(problem)
            yield self._parts(response)
        finally:
            connection.close()

    def _parts(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        while True:
            with self._errors_explained():
                part = response.read1(_PART)
            if not part:
                return
            yield part

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        """Turn errors of the system into errors for the user."""
        try:
            yield
        except (FileNotFoundError, ConnectionRefusedError):
            raise UsageError(
                f"{self.path}: no vtep listens there; start it, or use another --socket"
            ) from None
        except PermissionError:
            raise Forbidden(
                f"{self.path}: permission denied; run as the user of that vtep, or as root"
            ) from None
        except TimeoutError:
            raise Gone(self.path, "does not respond", "see its log, and try again") from None
        except (ConnectionError, http.client.HTTPException):
            raise Gone(self.path) from None
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot connect ({error.strerror or error}); use another --socket"
            ) from None


def read_ahead(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield *parts*, read by a thread as fast as they come: a pager must not stall the daemon."""
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
        return f"the vtep answered with status {status}"
