"""The sockets of a daemon: which commands find it, which clients are answered or refused."""

import http.client
import json
import os
import re
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.netns.site import METRICS_PORT, VTEP, Site
from vtep.lab import GENEROUS_S, ping, wait_until

pytestmark = pytest.mark.netns


def test_two_daemons_of_two_hosts_whose_taps_have_one_name(site: Site) -> None:
    lab = site.lab
    assert site.daemon.socket == "/run/vtep/vx0.sock"
    assert stat.S_IMODE(os.stat(site.daemon.socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat("/run/vtep").st_mode) == 0o755
    words = ["--tap", "vx0", "--vni", "7", "--peer", lab.h1.address, "--port", "4791"]
    with lab.h2.vtep(*words, control=True) as other:
        assert other.socket == f"/run/vtep/vx0-{other.pid}.sock"

        def vni(words: list[str], run: Callable[..., subprocess.CompletedProcess[str]]) -> int:
            shown = json.loads(run([*VTEP, "show", "-j", *words]).stdout)
            return int(shown[0]["linkinfo"]["info_data"]["id"])

        assert vni([], lab.h1.run) == vni(["vx0"], lab.h1.run) == 100
        assert vni([], lab.h2.run) == 7
        assert vni(["--socket", other.socket], lab.h1.run) == 7
        # A container is in neither's namespace.
        asked = lab.c1.run([*VTEP, "show"], check=False)
        assert asked.returncode == 2
        assert asked.stderr.startswith("vtep: error: running vteps: 2 ")
        assert "TAP" in asked.stderr
        assert f"vx0 (pid {other.pid}, --socket {other.socket})" in asked.stderr
        assert "vx0 (pid" in site.vtep("show", "vx8", code=2)
    assert not os.path.exists(other.socket)
    with lab.h2.vtep(*words, "--web", "[::1]:0", control=True) as other:
        path = other.socket
        (place,) = [str(record["web"]) for record in other.log if "web" in record]
        ask = ["curl", "--silent", "--globoff", f"http://{place}/v1"]
        assert json.loads(lab.h2.run(ask).stdout)["pid"] == other.pid
        other.kill()
        other.process.wait()
    assert os.path.exists(path)
    said = site.vtep("show", "--socket", path, code=2)
    assert said.startswith(f"vtep: error: {path}: no vtep listens there; ")
    os.unlink(path)


def test_a_subscriber_does_not_keep_a_daemon_running(site: Site) -> None:
    words = ["--tap", "vx0", "--vni", "7", "--peer", site.lab.h1.address, "--port", "4791"]
    with ExitStack() as stack:
        with site.lab.h2.vtep(*words, control=True) as other:
            monitor = [*VTEP, "monitor", "-j", "--socket", other.socket]
            listening = stack.enter_context(site.lab.h2.start(monitor))
            wait_until(lambda: connections(site) >= 1, what="monitor to listen")
        assert listening.wait() == 1
        assert listening.stderr().endswith(" went away; see its log, and start it again\n")


def connections(site: Site) -> int:
    """Return how many connections there are to the control sockets on h2."""
    listed = site.lab.h2.run(["ss", "-x", "-H", "state", "established"]).stdout
    return listed.count("/run/vtep/")


def test_a_command_that_queries_imports_nothing_heavy(site: Site) -> None:
    for words in (["show", "-s", "-d"], ["fdb", "show", "-j"], ["peer", "show"]):
        done = site.lab.h1.run(["env", "PYTHONPROFILEIMPORTTIME=1", *VTEP, *words])
        imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
        assert "vtep.control.client.client" in imported
        heavy = {"numpy", "uvloop", "asyncio", "aiohttp", "prometheus_client", "rich", "scapy"}
        assert not (heavy | {"pyroute2", "pytun"}) & {name.partition(".")[0] for name in imported}


def test_the_web_socket_answers_only_requests_for_its_address(site: Site) -> None:
    address, port = site.web()
    place = f"{address}:{port}"

    def status(path: str, host: str, **headers: str) -> int:
        client = site.lab.h1.call(lambda: socket.create_connection((address, port), GENEROUS_S))
        connection = http.client.HTTPConnection("unused")
        connection.sock = client
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Host": host, **named})
        with connection.getresponse() as answer:
            answer.read()
        connection.close()
        return answer.status

    assert status("/v1/stats", place) == status("/v1/fdb", f"localhost:{port}") == 200
    assert status("/v1/stats", "evil.example") == 403
    assert status("/v1/stats", place, Origin="http://evil.example") == 403
    assert status("/v1/stats", place, Origin=f"http://{place}") == 200
    assert status("/v1/stats", place, Sec_Fetch_Site="cross-site") == 403


def test_a_daemon_that_cannot_open_its_sockets_leaves_nothing(site: Site) -> None:
    lab = site.lab
    words = ["--tap", "vx5", "--vni", "5", "--peer", lab.h2.address, "--port", "4795"]
    for more, said in (
        (["--control", site.daemon.socket], "the socket of a running process"),
        (["--metrics", f"{lab.h1.address}:{METRICS_PORT}"], "(Address already in use)"),
    ):
        done = lab.h1.run([*VTEP, *words, *more], check=False)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not os.path.exists("/run/vtep/vx5.sock")
    assert site.daemon.ask("/v1")["taps"] == ["vx0"]


def test_malformed_requests_do_no_harm(site: Site) -> None:
    def connect() -> socket.socket:
        return site.lab.h1.call(lambda: socket.create_connection(site.web(), timeout=GENEROUS_S))

    def answer_to(octets: bytes) -> bytes:
        with connect() as client:
            client.sendall(octets)
            got = b""
            try:
                while part := client.recv(4096):
                    got += part
            except ConnectionResetError:
                pass
            return got

    before = resident(site.daemon.pid)
    assert b" 400 " in answer_to(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
    assert b" 400 " in answer_to(b"GET / HTTP/1.1\r\nHost: a\r\nHost\r\n\r\n")
    asked = f"GET /v1 HTTP/1.1\r\nHost: {site.web()[0]}\r\n"
    assert b'"api": 1' in answer_to(f"{asked}\r\n{asked}\r\n".encode())
    assert b" 405 " in answer_to(asked.replace("GET", "POST").encode() + b"\r\n")
    assert b" 200 " in answer_to(f"{asked}Content-Length: 99999999\r\n\r\n".encode())
    assert b" 200 " not in answer_to(asked.encode() + b"X: " + b"x" * 20_000 + b"\r\n\r\n")
    with connect() as client, pytest.raises(ConnectionError):
        client.sendall((b"X: " + b"x" * 1000 + b"\r\n") * 100_000)
    idle = [connect() for _ in range(80)]
    refused = {client.recv(12) for client in idle[-40:]}
    assert refused == {b"HTTP/1.1 503"}
    # They have shut out others of their kind, but neither the operator nor the traffic.
    assert site.daemon.ask("/v1")["taps"] == ["vx0"]
    assert ping(site.lab.h1, site.lab.h2.address)
    for client in idle:
        client.close()
    wait_until(lambda: b'"api": 1' in answer_to(f"{asked}\r\n".encode()), what="an answer")
    assert resident(site.daemon.pid) - before < 4_000_000
    assert not [record for record in site.daemon.log if record["level"] in ("warning", "error")]
    assert "Traceback" not in site.daemon.stderr


def resident(pid: int) -> int:
    """Return the octets of memory that a process has."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
