"""The server in this process: long responses in parts, errors of handlers, and slow clients."""

import asyncio
import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from tests.unit.api_daemon import ApiDaemon
from vtep import log
from vtep.control.application import ROUTES
from vtep.control.client.client import Client
from vtep.control.client.discover import find
from vtep.control.http.limits import Limits
from vtep.control.http.streaming import begin_stream
from vtep.errors import UsageError

ENTRIES = 30_000
IMPATIENT = Limits(request_timeout_s=0.1, write_timeout_s=0.1)


def make(path: Path, limits: Limits | None = None) -> ApiDaemon:
    """Return a daemon with a large FDB and one peer."""
    daemon = ApiDaemon(path / "vtep.sock", limits, peers=[("10.0.1.41", ("10.0.1.41", 4789))])
    now = time.monotonic()
    for number in range(ENTRIES):
        daemon.overlay.fdb.learn(number.to_bytes(6, "big"), daemon.overlay.flood[0], now)
    return daemon


def run(daemon: ApiDaemon, test: Callable[[Client], Awaitable[None]]) -> None:
    async def within() -> None:
        async with daemon.serving():
            await test(Client(str(daemon.path)))

    uvloop.run(within())


def test_a_long_response_comes_in_parts_and_others_are_answered_between_them(
    tmp_path: Path,
) -> None:
    async def test(client: Client) -> None:
        reader, writer = await asyncio.open_unix_connection(client.path, limit=1 << 30)
        writer.write(b"GET /v1/fdb HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        writer.close()
        assert len(parts) > 10
        found = json.loads(b"".join(parts))
        assert len({entry["mac"] for entry in found[1:]}) == len(found) - 1 == ENTRIES
        lines = await asyncio.to_thread(lambda: list(client.lines("/v1/fdb")))
        assert [json.loads(line)["mac"] for line in lines] == [entry["mac"] for entry in found]
        assert await asyncio.to_thread(client.get, "/v1/fdb", {"dst": "10.0.1.9"}) == []

    run(make(tmp_path), test)


def test_an_error_of_a_handler_is_reported_and_logged_and_the_next_request_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        if "late" in request.query:
            await (await begin_stream(request, "text/plain")).write(b"so far")
        raise RuntimeError("a bug")

    daemon = make(tmp_path)
    daemon.application.router.add_get("/fail", fail)
    log.setup(logging.INFO, "text")

    async def test(client: Client) -> None:
        def ask(path: str) -> str:
            try:
                return str(client.get(path))
            except Exception as error:
                return f"{type(error).__name__}: {error}"

        said = await asyncio.to_thread(ask, "/fail")
        assert (
            said == f"Failed: internal error in the running vtep (pid {os.getpid()}): see its log"
        )
        said = await asyncio.to_thread(ask, "/fail?late=1")
        assert said.startswith("Gone: ")
        assert client.path in said
        assert await asyncio.to_thread(ask, "/v1/fdb?vni=1") == "[]"
        assert (await asyncio.to_thread(ask, "/v1/fdb?x=1")).startswith("Refused: key 'x': ")

    run(daemon, test)
    logged = capsys.readouterr().err
    assert logged.count("ERROR control: /fail failed: RuntimeError('a bug')") == 2
    assert "in fail" in logged


def test_the_search_for_a_daemon_reports_an_internal_error_and_no_other_remedy(
    tmp_path: Path,
) -> None:
    @web.middleware
    async def fail(request: web.Request, handler: object) -> web.StreamResponse:
        raise RuntimeError("a bug")

    daemon = make(tmp_path)
    daemon.application.middlewares.append(fail)

    async def test(client: Client) -> None:
        with pytest.raises(UsageError) as caught:
            await asyncio.to_thread(find, directories=[str(tmp_path)])
        assert str(caught.value) == (
            f"internal error in the running vtep (pid {os.getpid()}): see its log"
        )

    run(daemon, test)


def test_a_client_that_sends_no_request_or_does_not_read_is_cut_off(tmp_path: Path) -> None:
    def octets_until_cut_off(path: str, request: bytes) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(path)
            client.sendall(request)
            ended = select.poll()
            ended.register(client, 0)  # POLLHUP is always reported
            assert ended.poll(5000)
            client.settimeout(5)
            return sum(map(len, iter(lambda: client.recv(65536), b"")))

    async def test(client: Client) -> None:
        async def ask(request: bytes) -> int:
            return await asyncio.to_thread(octets_until_cut_off, client.path, request)

        assert await ask(b"") == 0
        assert await ask(b"GET /v1 HTTP/1.1\r\nHo") == 0
        got = await ask(b"GET /v1/fdb HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert 0 < got < ENTRIES * 50
        for few in range(500, 4000, 500):  # the end of some responses waits in the daemon's buffer
            request = f"GET /v1/fdb?limit={few} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await ask(request.encode())

    run(make(tmp_path, IMPATIENT), test)


def test_a_slow_pager_does_not_stall_the_daemon(tmp_path: Path) -> None:
    def page(path: str) -> bytes:
        shown = subprocess.Popen(
            [sys.executable, "-m", "vtep", "fdb", "show", "--socket", path],
            bufsize=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert shown.stdout is not None
        first = shown.stdout.read(1)
        may_read.wait(20)
        return first + b"".join(shown.communicate())

    may_read = threading.Event()

    async def test(client: Client) -> None:
        paged = asyncio.create_task(asyncio.to_thread(page, client.path))
        before, tasks = len(asyncio.all_tasks()), asyncio.all_tasks
        async with asyncio.timeout(20):
            while len(tasks()) <= before:
                await asyncio.sleep(0.01)
            while len(tasks()) > before:  # until the response has ended, or the client was cut off
                await asyncio.sleep(0.01)
        may_read.set()
        shown = await paged
        assert shown.count(b" dst 10.0.1.41 ") == ENTRIES + 1
        assert b"error" not in shown

    run(make(tmp_path, Limits(write_timeout_s=0.1)), test)


def test_every_path_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "control.md").read_text()
    paths = {route.path for route in ROUTES}
    assert {"/v1/fdb", "/v1/events", "/metrics"} <= paths
    assert [path for path in paths if f"| `{path}` |" not in page] == []
