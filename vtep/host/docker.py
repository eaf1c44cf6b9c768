"""Find the bridge of a Docker network through the Docker Engine API."""

import os
import socket
from typing import TYPE_CHECKING

from vtep.errors import HostError, closest

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_HOST = "unix:///var/run/docker.sock"
BRIDGE_OPTION = "com.docker.network.bridge.name"

_TIMEOUT_S = 10


def bridge_of(network: str) -> str:
    """Return the name of the bridge of a Docker network, given by name or id.

    Asks the engine at DOCKER_HOST, or the local engine if that is not set. The bridge's name is the
    network's option com.docker.network.bridge.name, else br- and the first 12 digits of its id.

    Raises:
        HostError: Docker does not run or denies access, the network does not exist, or its driver
            has no bridge.
    """
    import docker
    from docker.errors import APIError, DockerException
    from docker.utils import kwargs_from_env

    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    _check_socket(host)
    try:
        client = docker.DockerClient(timeout=_TIMEOUT_S, **kwargs_from_env())
    except (DockerException, OSError) as error:
        raise HostError(_unreachable(host)) from error
    try:
        return _bridge_of(client, network)
    except APIError as error:
        raise HostError(f"Docker at {host}: {_one_line(error)}; check the engine") from error
    except (DockerException, OSError) as error:  # errors of requests are OSErrors
        raise HostError(_unreachable(host)) from error
    finally:
        client.close()


def _bridge_of(client: "DockerClient", network: str) -> str:
    from docker.errors import NotFound

    try:
        attributes = client.networks.get(network).attrs
    except NotFound as error:
        names = [str(known.name) for known in client.networks.list()]
        raise HostError(_unknown(network, names)) from error
    driver = attributes.get("Driver")
    if driver != "bridge":
        raise HostError(
            f"Docker network {network}: driver {driver!r} has no bridge; "
            "use a network with driver 'bridge'"
        )
    options = attributes.get("Options") or {}
    return str(options.get(BRIDGE_OPTION) or f"br-{attributes['Id'][:12]}")


def _check_socket(host: str) -> None:
    """Raise HostError if a connection to the Unix socket fails; the errno tells the reason."""
    if not host.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_TIMEOUT_S)
        try:
            sock.connect("/" + host.removeprefix("unix://").lstrip("/"))
        except PermissionError as error:
            raise HostError(
                f"Docker at {host}: permission denied; run as root, or join the group docker"
            ) from error
        except OSError as error:
            raise HostError(_unreachable(host)) from error


def _unreachable(host: str) -> str:
    return f"Docker at {host}: not running; start it, or set DOCKER_HOST"


def _unknown(network: str, names: list[str]) -> str:
    near = closest(network, names, 3)
    others = " or ".join(near) or ", ".join(sorted(names))
    hint = f", or use {others}" if others else ""
    return f"Docker network {network}: not found; create it (docker network create){hint}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
