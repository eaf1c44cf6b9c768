"""The witness is there while somebody looks, and no longer."""

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

from vtep.trace import sampler as frames
from vtep.trace.sampler import Frames

OUTCOME = cast(Any, "outcome")


def hub() -> tuple[Any, Frames]:
    forwarder = SimpleNamespace(tracer=None)
    return forwarder, Frames(cast(Any, forwarder))


def watched(forwarder: Any) -> bool:
    return forwarder.tracer is not None


def test_all_who_look_are_told_of_every_frame() -> None:
    forwarder, looking = hub()
    first: list[Any] = []
    second: list[Any] = []
    with looking.all(first.append):
        forwarder.tracer(OUTCOME)
        with looking.all(second.append):
            forwarder.tracer(OUTCOME)
        forwarder.tracer(OUTCOME)
    assert not watched(forwarder)
    assert (len(first), len(second)) == (3, 1)


def test_a_sample_is_so_many_frames_at_once_and_few_a_second() -> None:
    async def look() -> None:
        forwarder, looking = hub()
        seen: list[Any] = []
        with looking.sampled(seen.append):
            while watched(forwarder):
                forwarder.tracer(OUTCOME)
            assert len(seen) == frames.BURST
            for refills in (1, 2):
                while not watched(forwarder):
                    await asyncio.sleep(0.005)
                while watched(forwarder):
                    forwarder.tracer(OUTCOME)
                assert len(seen) == frames.BURST + refills * frames.REFILL
        await asyncio.sleep(frames.REFILL_S * 1.5)
        assert not watched(forwarder)

    asyncio.run(look())


def test_both_ways_to_look_go_together() -> None:
    async def look() -> None:
        forwarder, looking = hub()
        seen: list[Any] = []
        every: list[Any] = []
        with ExitStack() as stack:
            stack.enter_context(looking.sampled(seen.append))
            with looking.all(every.append):
                for _ in range(5):
                    forwarder.tracer(OUTCOME)
            assert (len(seen), len(every)) == (5, 5)
            assert watched(forwarder)
        assert not watched(forwarder)

    asyncio.run(look())
