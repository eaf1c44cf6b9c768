"""The server within the process: long answers in turns, and what breaks while it answers."""

import asyncio
import json
import logging
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop
from aiohttp import web

from vtep import log
from vtep.control import application
from vtep.control.client.client import Client
from vtep.control.http import connection
from vtep.control.http import streaming as answer
from vtep.control.http.context import Subject
from vtep.control.listener import Door
from vtep.control.unix_socket import Listener
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep

ENTRIES = 30_000


def subject() -> Subject:
    """Return a daemon with a large FDB, and without devices."""
    port = AccessPort("vx0", b"\x02" + bytes(5))
    peers = [("10.0.1.41", ("10.0.1.41", 4789))]
    overlay = Overlay(vni=100, port=port, peers=peers, mtu=1450)
    now = time.monotonic()
    for number in range(ENTRIES):
        overlay.fdb.learn(number.to_bytes(6, "big"), overlay.flood[0], now)
    runtime = SimpleNamespace(vtep=Vtep([overlay], frozenset(), 4789), local="10.0.1.4")
    config = SimpleNamespace(underlay=SimpleNamespace(local="10.0.1.4", dev=None))
    return Subject(cast(Any, config), cast(Any, runtime), cast(Any, None))


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Client]:
    listener = Listener(str(path / "vtep.sock"))
    try:
        async with application.serve([Door("control", listener.socket, listener.path)], subject()):
            yield Client(listener.path)
    finally:
        listener.close()


def run(path: Path, test: Callable[[Client], Awaitable[None]]) -> None:
    async def within() -> None:
        async with serving(path) as client:
            await test(client)

    uvloop.run(within())


def test_a_long_answer_comes_in_parts_between_which_others_have_their_turn(tmp_path: Path) -> None:
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

    run(tmp_path, test)


def test_an_error_of_ours_is_told_and_logged_and_the_next_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        if "late" in request.query:
            await answer.send(await answer.begin(request, "text/plain"), b"so far")
        raise RuntimeError("a bug")

    monkeypatch.setattr(application, "ROUTES", (*application.ROUTES, web.get("/fail", fail)))
    log.setup(logging.INFO, "text")

    async def test(client: Client) -> None:
        def ask(path: str) -> str:
            try:
                return str(client.get(path))
            except Exception as error:
                return f"{type(error).__name__}: {error}"

        said = await asyncio.to_thread(ask, "/fail")
        assert said == "Refused: a bug: the log of the vtep says more"
        assert (
            await asyncio.to_thread(ask, "/fail?late=1")
            == f"Gone: the vtep at {client.path} went away"
        )
        assert await asyncio.to_thread(ask, "/v1/fdb?vni=1") == "[]"
        assert (await asyncio.to_thread(ask, "/v1/fdb?x=1")).startswith("Refused: unknown 'x'")

    run(tmp_path, test)
    logged = capsys.readouterr().err
    assert logged.count("ERROR control: /fail failed: RuntimeError('a bug')") == 2
    assert "in fail" in logged


def test_who_asks_nothing_or_does_not_read_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE_S", 0.1)
    monkeypatch.setattr(answer, "STALLED_S", 0.1)

    def octets_until_cut_off(path: str, question: bytes) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.connect(path)
            asking.sendall(question)
            ended = select.poll()
            ended.register(asking, 0)  # POLLHUP comes unasked
            assert ended.poll(5000)
            asking.settimeout(5)
            return sum(map(len, iter(lambda: asking.recv(65536), b"")))

    async def test(client: Client) -> None:
        async def ask(question: bytes) -> int:
            return await asyncio.to_thread(octets_until_cut_off, client.path, question)

        assert await ask(b"") == 0
        assert await ask(b"GET /v1 HTTP/1.1\r\nHo") == 0
        got = await ask(b"GET /v1/fdb HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert 0 < got < ENTRIES * 50
        for few in range(500, 4000, 500):  # the end of some waits in our own buffer
            question = f"GET /v1/fdb?limit={few} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await ask(question.encode())

    run(tmp_path, test)


def test_a_pager_may_take_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "STALLED_S", 0.1)

    def page(path: str) -> bytes:
        shown = subprocess.Popen(
            [sys.executable, "-m", "vtep", "fdb", "show", "--socket", path],
            bufsize=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert shown.stdout is not None
        first = shown.stdout.read(1)
        is_asking.wait(20)
        return first + b"".join(shown.communicate())

    is_asking = threading.Event()

    async def test(client: Client) -> None:
        paged = asyncio.create_task(asyncio.to_thread(page, client.path))
        before, tasks = len(asyncio.all_tasks()), asyncio.all_tasks
        async with asyncio.timeout(20):
            while len(tasks()) <= before:
                await asyncio.sleep(0.01)
            while len(tasks()) > before:  # until the daemon has answered, or has cut it off
                await asyncio.sleep(0.01)
        is_asking.set()
        shown = await paged
        assert shown.count(b" dst 10.0.1.41 ") == ENTRIES + 1
        assert b"error" not in shown

    run(tmp_path, test)


def test_every_path_is_in_the_document() -> None:
    page = (Path(__file__).parents[2] / "docs" / "control.md").read_text()
    paths = {route.path for route in application.ROUTES}
    assert {"/v1/fdb", "/v1/events", "/metrics"} <= paths
    assert [path for path in paths if f"| `{path}` |" not in page] == []
