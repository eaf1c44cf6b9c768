"""The bridge of a Docker network, asked of the Docker Engine API."""

import difflib
import os
import socket
from typing import TYPE_CHECKING

from vtep.errors import HostError

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_HOST = "unix:///var/run/docker.sock"
BRIDGE_OPTION = "com.docker.network.bridge.name"

_TIMEOUT_S = 10


def bridge_of(network: str) -> str:
    """Return the name of the bridge of the Docker network of that name or id.

    The engine is the one DOCKER_HOST names, else the local one.  Docker names a bridge after its
    option com.docker.network.bridge.name, else br- and the first 12 digits of the network's id.

    Raises:
        HostError: Docker does not run or does not let us in, there is no such network, or it is
            of a driver that has no bridge.
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
        raise HostError(f"Docker at {host} refuses: {_one_line(error)}") from error
    except (DockerException, OSError) as error:  # an error of requests is an OSError
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
            f"Docker network {network} is of driver {driver!r}, which has no bridge: "
            "use a network of driver 'bridge'"
        )
    options = attributes.get("Options") or {}
    return str(options.get(BRIDGE_OPTION) or f"br-{attributes['Id'][:12]}")


def _check_socket(host: str) -> None:
    """Refuse a unix socket that nobody serves, or not to us: its errno says which."""
    if not host.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_TIMEOUT_S)
        try:
            sock.connect("/" + host.removeprefix("unix://").lstrip("/"))
        except PermissionError as error:
            raise HostError(
                f"not permitted to ask Docker at {host}: run as root, or join the group docker"
            ) from error
        except OSError as error:
            raise HostError(_unreachable(host)) from error


def _unreachable(host: str) -> str:
    return f"Docker is not running at {host}: start it, or set DOCKER_HOST"


def _unknown(network: str, names: list[str]) -> str:
    near = difflib.get_close_matches(network, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        hint = f"there are {', '.join(sorted(names)) or 'none'}"
    return f"there is no Docker network {network}: create it (docker network create), or {hint}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
