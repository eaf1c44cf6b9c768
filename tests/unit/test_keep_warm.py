"""The rehearsal timer: it runs for a while after a single frame, and never after close()."""

import asyncio
import os
import time

import pytest
import uvloop

from vtep.daemon.keep_warm import WARM_S, KeepWarm

GENEROUS_S = 60


def test_it_rehearses_while_frames_come_alone_and_stops_by_itself() -> None:
    async def live() -> None:
        loop = asyncio.get_running_loop()
        rehearsed: list[float] = []
        enough = asyncio.Event()

        def rehearse() -> None:
            rehearsed.append(time.monotonic())
            if len(rehearsed) == 5:
                enough.set()

        warm = KeepWarm(loop, rehearse)
        began = time.monotonic()
        assert warm.extend(began, outbound=False)
        assert not warm.extend(began, outbound=False)  # no rehearsal since: the frame is new enough
        assert warm.extend(began, outbound=True)  # the first one out
        assert not warm.extend(began, outbound=True)
        await asyncio.wait_for(enough.wait(), GENEROUS_S)
        assert warm.extend(began - WARM_S, outbound=False)  # as if the last frame were a second old
        count = len(rehearsed)
        for _ in range(3):
            await asyncio.sleep(0.02)
        assert len(rehearsed) <= count + 1
        warm.close()

    uvloop.run(live())


def test_frames_in_quick_succession_need_no_rehearsal() -> None:
    async def live() -> None:
        loop = asyncio.get_running_loop()
        ticks: list[bool] = []
        rehearsed: list[int] = []
        warm = KeepWarm(loop, lambda: rehearsed.append(len(ticks)))
        until = time.monotonic() + GENEROUS_S
        while ticks.count(True) < 20 and time.monotonic() < until:
            ticks.append(warm.extend(time.monotonic(), outbound=False))  # true once in each tick
            await asyncio.sleep(0)
        assert ticks.count(True) == 20
        assert len(rehearsed) <= 3  # only if the machine stopped this loop for a whole tick
        warm.close()

    uvloop.run(live())


@pytest.mark.parametrize("is_running", [False, True])
def test_nothing_is_left_after_close(is_running: bool) -> None:
    async def live() -> None:
        loop = asyncio.get_running_loop()
        before = len(os.listdir("/proc/self/fd"))
        rehearsed: list[int] = []
        warm = KeepWarm(loop, lambda: rehearsed.append(1))
        if is_running:
            warm.extend(time.monotonic(), outbound=False)
        warm.close()
        warm.close()
        await asyncio.sleep(0.05)
        assert rehearsed == []
        assert len(os.listdir("/proc/self/fd")) == before

    uvloop.run(live())
