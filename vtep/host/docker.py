"""Find the bridge of a Docker network through the Docker Engine API.

Speaks HTTP with the standard library: two requests do not justify Docker's SDK.
"""

import http.client
import json
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from vtep.errors import HostError, closest
from vtep.host.deadline import Deadline
from vtep.host.unix_http import UnixConnection

DEFAULT_HOST = "unix:///var/run/docker.sock"
BRIDGE_OPTION = "com.docker.network.bridge.name"
MTU_OPTION = "com.docker.network.driver.mtu"
DEFAULT_MTU = 1500
"""MTU of containers in a network without that option, in octets."""

TCP_PORT, TLS_PORT = 2375, 2376
"""Ports of tcp:// by default, without and with TLS."""

MAX_RESPONSE = 4 << 20
"""Longest response in octets; a network with a thousand containers takes 0.3 MB."""

LIMIT_S = 10.0
"""Time for all responses, and for each attempt to connect, in seconds."""


class DockerNetwork(NamedTuple):
    """A network with driver bridge.

    Attributes:
        bridge: name of its bridge.
        mtu: MTU of its containers, in octets.
    """

    bridge: str
    mtu: int


def find_network(network: str, limit_s: float = LIMIT_S) -> DockerNetwork:
    """Return the Docker network with this name or id.

    Asks the engine at DOCKER_HOST, or the local engine if that is not set. The bridge's name is the
    network's option com.docker.network.bridge.name, else br- and the first 12 digits of its id.

    Args:
        network: its name or id.
        limit_s: seconds for all responses, and for each attempt to connect.

    Raises:
        HostError: Docker does not run, denies access or is too slow, DOCKER_HOST is not supported,
            the network does not exist, or its driver has no bridge.
    """
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    deadline = Deadline(limit_s)
    with _errors_explained(host, limit_s), closing(_connection(host)) as connection:
        engine = _Engine(connection, host, deadline)
        found = engine.get(f"/networks/{quote(network, safe='')}", missing_ok=True)
        if found is None:
            raise HostError(_unknown(network, [one["Name"] for one in engine.get("/networks")]))
        if found["Driver"] != "bridge":
            raise HostError(
                f"Docker network {network}: driver {found['Driver']!r} has no bridge; "
                "use a network with driver 'bridge'"
            )
        options = found.get("Options") or {}
        return DockerNetwork(
            bridge=str(options.get(BRIDGE_OPTION) or f"br-{found['Id'][:12]}"),
            mtu=int(options.get(MTU_OPTION) or DEFAULT_MTU),
        )


class _Engine:
    """A Docker engine, asked in the version of the API that it prefers."""

    def __init__(
        self, connection: http.client.HTTPConnection, host: str, deadline: Deadline
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self._host = host
        self._prefix = ""
        version = self.get("/version")["ApiVersion"]
        if not re.fullmatch(r"\d+\.\d+", version):
            raise ValueError
        self._prefix = f"/v{version}"

    def get(self, path: str, *, missing_ok: bool = False) -> Any:
        """Return the JSON response to `path`; None for status 404 if `missing_ok`.

        Raises:
            HostError: the engine answered with an error.
            TimeoutError: the deadline passes.
            ValueError: the response is too long, or not JSON.
        """
        self._deadline.apply(self._connection)
        self._connection.request("GET", self._prefix + path)
        with self._connection.getresponse() as response:
            body = response.read(MAX_RESPONSE + 1)
        if len(body) > MAX_RESPONSE:
            raise ValueError
        if response.status == HTTPStatus.OK:
            return json.loads(body)
        if missing_ok and response.status == HTTPStatus.NOT_FOUND:
            return None
        raise HostError(
            f"Docker at {self._host}: status {response.status}: {_message(body)}; check the engine"
        )


def _connection(host: str) -> http.client.HTTPConnection:
    """Return a connection, not yet open, to the engine at `host`, a value of DOCKER_HOST.

    Raises:
        HostError: vtep does not support its scheme, or the port or the TLS files are wrong.
    """
    url = urlsplit(host)
    if url.scheme == "unix":
        return UnixConnection("/" + host.removeprefix("unix://").lstrip("/"), None)
    if url.scheme != "tcp" or not url.hostname:
        raise HostError(
            f"Docker at {host}: DOCKER_HOST is not supported; use unix://PATH or tcp://HOST:PORT"
        )
    certificates = os.environ.get("DOCKER_CERT_PATH")
    if not certificates and not os.environ.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPConnection(url.hostname, _port(url, TCP_PORT))
    context = _tls_context(Path(certificates or "~/.docker").expanduser())
    return http.client.HTTPSConnection(url.hostname, _port(url, TLS_PORT), context=context)


def _port(url: SplitResult, otherwise: int) -> int:
    try:
        return otherwise if url.port is None else url.port
    except ValueError:
        raise HostError(f"Docker at {url.geturl()}: not a port; correct DOCKER_HOST") from None


def _tls_context(certificates: Path) -> ssl.SSLContext:
    """Return what the files that Docker's client uses demand: both ends prove who they are."""
    try:
        context = ssl.create_default_context(cafile=certificates / "ca.pem")
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    except OSError as error:  # SSLError, too
        raise HostError(
            f"Docker's certificates in {certificates}: cannot read ca.pem, cert.pem and key.pem "
            f"({error.strerror or error}); correct DOCKER_CERT_PATH"
        ) from error
    return context


@contextmanager
def _errors_explained(host: str, limit_s: float) -> Iterator[None]:
    """Turn errors of connection and protocol into errors for the user."""
    try:
        yield
    except PermissionError as error:
        raise HostError(
            f"Docker at {host}: permission denied; run as root, or join the group docker"
        ) from error
    except TimeoutError as error:
        raise HostError(
            f"Docker at {host}: no complete response in {limit_s:g} seconds; check the engine"
        ) from error
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason
        raise HostError(
            f"Docker at {host}: TLS failed ({reason}); correct DOCKER_HOST or DOCKER_CERT_PATH"
        ) from error
    except OSError as error:  # an http.client.RemoteDisconnected is one
        raise HostError(f"Docker at {host}: not running; start it, or set DOCKER_HOST") from error
    except (http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        raise HostError(
            f"Docker at {host}: not the response of a Docker engine; correct DOCKER_HOST"
        ) from error


def _unknown(network: str, names: list[str]) -> str:
    near = closest(network, names, 3)
    others = " or ".join(near) or ", ".join(sorted(names))
    hint = f", or use {others}" if others else ""
    return f"Docker network {network}: not found; create it (docker network create){hint}"


def _message(body: bytes) -> str:
    """Return the reason in an error of the engine as one line."""
    try:
        text = json.loads(body)["message"]
    except (ValueError, LookupError, TypeError):
        text = body[:200].decode(errors="replace")
    return " ".join(str(text).split()) or "no reason given"
