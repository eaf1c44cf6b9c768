"""find_network against a server with the few Engine API calls that it needs."""

import json
import os
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.unit.namespaces import in_private_namespaces
from vtep.errors import HostError
from vtep.host.docker import MAX_RESPONSE, find_network

ID = "0123456789abcdef" * 4
NETWORKS: list[dict[str, Any]] = [
    {"Name": "vxlan-net", "Id": ID, "Driver": "bridge", "Options": {}},
    {
        "Name": "bridge",
        "Id": "f" * 64,
        "Driver": "bridge",
        "Options": {"com.docker.network.bridge.name": "docker0"},
    },
    {
        "Name": "narrow",
        "Id": "c" * 64,
        "Driver": "bridge",
        "Options": {"com.docker.network.driver.mtu": "1450"},
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
        elif name == "endless":
            self._answer(200, {"Driver": "bridge", "Id": ID, "Padding": "x" * MAX_RESPONSE})
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


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Run `server` in a thread."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(5)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = tmp_path / "docker.sock"
    with serving(socketserver.ThreadingUnixStreamServer(str(path), Engine)):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield


@pytest.fixture(autouse=True)
def _no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
    monkeypatch.delenv("DOCKER_CERT_PATH", raising=False)


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
    assert find_network(network).bridge == bridge


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("network", "mtu"), [("narrow", 1450), ("vxlan-net", 1500), ("named", 1500)]
)
def test_the_mtu_of_the_containers_is_that_of_the_option_or_1500(network: str, mtu: int) -> None:
    assert find_network(network).mtu == mtu


@pytest.mark.usefixtures("engine")
def test_an_unknown_network_is_answered_with_similar_names() -> None:
    with pytest.raises(HostError, match=r"Docker network vxlan_net: .* vxlan-net\b"):
        find_network("vxlan_net")


@pytest.mark.usefixtures("engine")
def test_without_similar_names_all_names_are_listed() -> None:
    with pytest.raises(HostError, match="bridge, host, named, narrow, vxlan-net"):
        find_network("zzz")


@pytest.mark.usefixtures("engine")
def test_a_network_without_a_bridge_is_refused() -> None:
    with pytest.raises(HostError, match="host: driver 'host' has no bridge"):
        find_network("host")


@pytest.mark.usefixtures("engine")
def test_an_error_of_the_engine_is_one_line() -> None:
    with pytest.raises(HostError, match=r"Docker at unix://.*unwell") as caught:
        find_network("broken")
    assert "\n" not in str(caught.value)


def test_docker_not_running_names_the_socket_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"unix://{tmp_path}/none.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(HostError) as caught:
        find_network("vxlan-net")
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
        find_network("vxlan-net")


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
                find_network("vxlan-net")
            os.seteuid(0)


@pytest.mark.parametrize(
    "host", ["carrier-pigeon://coop", "ssh://root@10.0.1.41", "tcp://", "tcp://h:port", "/run/x"]
)
def test_an_unsupported_docker_host_is_one_line(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(HostError, match=r"DOCKER_HOST") as caught:
        find_network("vxlan-net")
    assert host in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("engine")
def test_a_response_has_a_bounded_size() -> None:
    with pytest.raises(HostError, match="not the response of a Docker engine"):
        find_network("endless")


def test_an_engine_that_listens_on_tcp_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    with serving(server):
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        assert find_network("vxlan-net").bridge == "br-0123456789ab"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"ApiVersion": "../x"} ',
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n<html>\n",
    ],
)
def test_another_server_than_docker_is_reported_in_one_line(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(answer)
            self.request.shutdown(socket.SHUT_WR)
            self.request.recv(1024)

    with serving(server := socketserver.ThreadingTCPServer(("127.0.0.1", 0), Other)):
        host = f"tcp://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(HostError) as caught:
            find_network("vxlan-net")
    assert str(caught.value).startswith(f"Docker at {host}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n"],
    ids=["status", "header", "body"],
)
def test_a_response_that_drips_has_a_deadline(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(beginning)
            with suppress(OSError):  # until the client closes
                for _ in range(600):
                    self.request.sendall(b"1")
                    time.sleep(0.02)

    with serving(server := socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow)):
        host = f"tcp://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("DOCKER_HOST", host)
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            find_network("vxlan-net", 0.3)
        assert time.monotonic() - started < 5
    assert str(caught.value) == (
        f"Docker at {host}: no complete response in 0.3 seconds; check the engine"
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, cert.pem and key.pem: one certificate for all, which signs itself."""
    directory = tmp_path_factory.mktemp("certificates")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=engine", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    (directory / "ca.pem").write_bytes((directory / "cert.pem").read_bytes())
    return directory


@contextmanager
def tls_engine(certificates: Path) -> Iterator[str]:
    """Run an engine that demands a certificate from its clients; yield its DOCKER_HOST."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    with serving(server):
        yield f"tcp://127.0.0.1:{server.server_port}"


def test_an_engine_behind_tls_is_found(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with tls_engine(certificates) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        assert find_network("vxlan-net").bridge == "br-0123456789ab"


def test_a_certificate_for_another_name_is_refused(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
    with tls_engine(certificates) as host:
        monkeypatch.setenv("DOCKER_HOST", host.replace("127.0.0.1", "localhost"))
        with pytest.raises(HostError, match=r"TLS failed \(.*localhost.*DOCKER_CERT_PATH"):
            find_network("vxlan-net")


def test_missing_certificates_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(HostError, match=rf"{tmp_path}.*ca\.pem.*DOCKER_CERT_PATH"):
        find_network("vxlan-net")
