"""The tracer is installed only while there is a subscriber."""

import asyncio
from dataclasses import dataclass

from tests.frames import frame
from vtep.trace.outcome import Outcome
from vtep.trace.sampler import Callback, TraceHub
from vtep.wire import virtio

OUTCOME = Outcome(
    way="out",
    tap="vx0",
    vni=100,
    frames=((virtio.PLAIN, frame()),),
    datagrams=(),
    source=None,
    source_before=None,
    decision="dropped",
    peers=(),
    age=None,
    drops=(),
)
BURST, REFILL = 6, 2


@dataclass
class Forwarder:
    """Something to trace."""

    tracer: Callback | None = None

    def forward(self) -> None:
        assert self.tracer is not None
        self.tracer(OUTCOME)


def make() -> tuple[Forwarder, TraceHub]:
    forwarder = Forwarder()
    return forwarder, TraceHub(forwarder, BURST, REFILL, 0.01)


def test_each_subscriber_gets_every_frame() -> None:
    forwarder, hub = make()
    first: list[Outcome] = []
    second: list[Outcome] = []
    with hub.subscribe(first.append):
        forwarder.forward()
        with hub.subscribe(second.append):
            forwarder.forward()
        forwarder.forward()
    assert forwarder.tracer is None
    assert (len(first), len(second)) == (3, 1)


def test_a_sample_is_a_burst_and_then_a_few_frames_at_a_time() -> None:
    async def sample() -> None:
        forwarder, hub = make()
        seen: list[Outcome] = []
        async with asyncio.timeout(5):
            with hub.subscribe_sample(seen.append):
                while forwarder.tracer is not None:
                    forwarder.forward()
                assert len(seen) == BURST
                for refills in (1, 2):
                    while forwarder.tracer is None:
                        await asyncio.sleep(0.001)
                    while forwarder.tracer is not None:
                        forwarder.forward()
                    assert len(seen) == BURST + refills * REFILL
        assert forwarder.tracer is None

    asyncio.run(sample())


def test_a_refill_without_a_subscriber_installs_no_tracer() -> None:
    async def leave() -> None:
        forwarder, hub = make()
        seen: list[Outcome] = []
        with hub.subscribe_sample(seen.append):
            while forwarder.tracer is not None:
                forwarder.forward()
        await asyncio.sleep(0.05)  # several refills
        assert forwarder.tracer is None
        with hub.subscribe_sample(seen.append):
            assert forwarder.tracer is not None  # they have been counted

    asyncio.run(leave())


def test_both_kinds_of_subscribers_go_together() -> None:
    async def sample() -> None:
        forwarder, hub = make()
        some: list[Outcome] = []
        every: list[Outcome] = []
        with hub.subscribe_sample(some.append):
            with hub.subscribe(every.append):
                for _ in range(5):
                    forwarder.forward()
            assert (len(some), len(every)) == (5, 5)
            assert forwarder.tracer is not None
        assert forwarder.tracer is None

    asyncio.run(sample())
