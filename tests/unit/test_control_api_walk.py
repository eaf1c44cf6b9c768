"""`/v1/walk`: one walk at a time, and few clients that wait."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from tests.unit.api_daemon import ApiDaemon, Response, until
from vtep.control.api.walk import WALKS, WalkQueue
from vtep.control.http.limits import Limits

WAITING = 4


async def get(daemon: ApiDaemon, path: str) -> tuple[int, Any]:
    response = await daemon.stream(path)
    body = await response.rest()
    await response.close()
    return response.status, json.loads(body)


def test_a_walk_is_answered_and_a_wrong_option_is_refused(tmp_path: Path) -> None:
    async def talk() -> None:
        daemon = ApiDaemon(tmp_path / "socket")
        async with daemon.serving():
            status, walk = await get(daemon, "/v1/walk?inner=arp&vni=7")
            assert (status, walk["options"]["vni"]) == (200, 7)
            assert all(one["arrived"] for one in walk["walks"])
            status, refused = await get(daemon, "/v1/walk?vni=no")
            assert status == 400
            assert "vni" in refused["error"]

    asyncio.run(talk())


def test_too_many_walks_are_refused(tmp_path: Path) -> None:
    async def talk() -> None:
        daemon = ApiDaemon(tmp_path / "socket", Limits(walks=0))
        async with daemon.serving():
            status, refused = await get(daemon, "/v1/walk")
            assert status == 503
            assert "too many" in refused["error"]

    asyncio.run(talk())


def test_the_walk_of_a_client_that_disconnects_keeps_its_turn(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()
    running: list[int] = []

    def slow(query: dict[str, str]) -> str:
        running.append(1)
        began.set()
        assert may_end.wait(5)
        running.append(-1)
        return "{}"

    async def talk() -> None:
        daemon = ApiDaemon(tmp_path / "socket")
        daemon.application[WALKS] = WalkQueue(WAITING, slow)

        def request() -> asyncio.Task[Response]:
            return asyncio.create_task(daemon.stream("/v1/walk"))

        async with daemon.serving():
            _, writer = await asyncio.open_unix_connection(str(daemon.path))
            writer.write(b"GET /v1/walk HTTP/1.0\r\n\r\n")
            await until(began.is_set)
            writer.close()
            await writer.wait_closed()
            others = [request() for _ in range(WAITING)]
            await until(lambda: any(one.done() for one in others))
            may_end.set()
            statuses = [(await one).status for one in others]
            assert sorted(statuses) == [200, 200, 200, 503]
            for one in others:
                await (await one).close()
            assert running == [1, -1] * WAITING

    asyncio.run(talk())
