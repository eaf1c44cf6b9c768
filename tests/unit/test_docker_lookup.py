"""bridge_of against a Unix socket server with the few Engine API calls that it needs."""

import json
import os
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.unit.namespaces import in_private_namespaces
from vtep.errors import HostError
from vtep.host.docker import bridge_of

ID = "0123456789abcdef" * 4
NETWORKS: list[dict[str, Any]] = [
    {"Name": "vxlan-net", "Id": ID, "Driver": "bridge", "Options": {}},
    {
        "Name": "bridge",
        "Id": "f" * 64,
        "Driver": "bridge",
        "Options": {"com.docker.network.bridge.name": "docker0"},
    },
    {"Name": "named", "Id": "e" * 64, "Driver": "bridge", "Options": None},
    {"Name": "host", "Id": "d" * 64, "Driver": "host", "Options": {}},
]


class Engine(BaseHTTPRequestHandler):
    """GET /version, /networks and /networks/NAME, as the Engine API v1.41 answers them."""

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        name = path.rpartition("/")[2]
        if path == "/version":
            self._answer(200, {"ApiVersion": "1.41", "MinAPIVersion": "1.12"})
        elif path == "/v1.41/networks":
            self._answer(200, NETWORKS)
        elif name == "broken":
            self._answer(500, {"message": "the engine\nis unwell"})
        elif found := [n for n in NETWORKS if name == n["Name"] or n["Id"].startswith(name)]:
            self._answer(200, found[0])
        else:
            self._answer(404, {"message": f"network {name} not found"})

    def _answer(self, status: int, body: object) -> None:
        octets = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = tmp_path / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield
        server.shutdown()
        thread.join(5)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("network", "bridge"),
    [
        ("vxlan-net", "br-0123456789ab"),
        (ID, "br-0123456789ab"),
        ("bridge", "docker0"),
        ("named", "br-eeeeeeeeeeee"),
    ],
)
def test_the_bridge_has_the_configured_name_or_one_from_the_id(network: str, bridge: str) -> None:
    assert bridge_of(network) == bridge


@pytest.mark.usefixtures("engine")
def test_an_unknown_network_is_answered_with_similar_names() -> None:
    with pytest.raises(HostError, match=r"Docker network vxlan_net: .* vxlan-net\b"):
        bridge_of("vxlan_net")


@pytest.mark.usefixtures("engine")
def test_without_similar_names_all_names_are_listed() -> None:
    with pytest.raises(HostError, match="bridge, host, named, vxlan-net"):
        bridge_of("zzz")


@pytest.mark.usefixtures("engine")
def test_a_network_without_a_bridge_is_refused() -> None:
    with pytest.raises(HostError, match="host: driver 'host' has no bridge"):
        bridge_of("host")


@pytest.mark.usefixtures("engine")
def test_an_error_of_the_engine_is_one_line() -> None:
    with pytest.raises(HostError, match=r"Docker at unix://.*unwell") as caught:
        bridge_of("broken")
    assert "\n" not in str(caught.value)


def test_docker_not_running_names_the_socket_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"unix://{tmp_path}/none.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(HostError) as caught:
        bridge_of("vxlan-net")
    assert str(caught.value).startswith(f"Docker at {host}: not running")
    assert "DOCKER_HOST" in str(caught.value)


def test_the_socket_of_a_stopped_docker_counts_as_not_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    with socketserver.UnixStreamServer(str(path), Engine):
        pass
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(HostError, match=r"Docker at unix://.*: not running"):
        bridge_of("vxlan-net")


@in_private_namespaces
def test_missing_permission_for_the_socket_is_reported() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "docker.sock"
        with socketserver.UnixStreamServer(str(path), Engine):
            path.chmod(0o600)
            os.chmod(directory, 0o755)
            os.environ["DOCKER_HOST"] = f"unix://{path}"
            os.seteuid(65534)
            with pytest.raises(HostError, match=r"Docker at unix://.*permission denied.*root"):
                bridge_of("vxlan-net")
            os.seteuid(0)


def test_an_unknown_url_scheme_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "carrier-pigeon://coop")
    with pytest.raises(HostError, match="carrier-pigeon://coop") as caught:
        bridge_of("vxlan-net")
    assert "\n" not in str(caught.value)
