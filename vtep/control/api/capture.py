"""`/v1/capture`: every frame that is selected, both sides of the tunnel, as pcapng while it comes.

Each frame is made into blocks at once, so that all bounds are told in octets of the file.  What a
reader does not take in time waits, up to a limit; then frames are lost, counted, and the file says
so.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator

from aiohttp import web

from vtep.control.http.context import FRAMES, SUBJECT, Subject, outside_of
from vtep.control.http.streaming import begin, read_within
from vtep.errors import UsageError
from vtep.trace.filters import Bounds, Selection, read
from vtep.trace.outcome import Outcome
from vtep.trace.pcapng import Recorder

MOST_WAITING = 4 << 20
"""Octets that may wait for a reader."""
STALLED_S = 60.0
"""For how long a reader may take nothing: as long as it looks, forwarding is slow."""
_PART = 1 << 18
_LOOK_S = 1.0


async def capture(request: web.Request) -> web.StreamResponse:
    """Answer with a capture; the query is that of selection.read."""
    selection, bounds = read(request.query)
    recorder = _recorder(request.app[SUBJECT], bounds.snaplen)
    least = len(recorder.beginning() + recorder.losses(0))
    if bounds.size is not None and bounds.size < least:
        raise UsageError(f"size {bounds.size} does not hold an empty file: give {least} or more")
    recording = Recording(recorder, selection, bounds)
    with request.app[FRAMES].all(recording.take):
        response = await begin(request, "application/x-pcapng")
        async for part in recording.parts():
            await _send(response, part)
    async with read_within(STALLED_S):
        await response.write_eof()
    return response


def _recorder(subject: Subject, snaplen: int) -> Recorder:
    vtep, taps = subject.vtep, [port.name for port in subject.runtime.taps]
    return Recorder(taps, vtep.overlays, outside_of(subject), snaplen, time.time_ns)


async def _send(response: web.StreamResponse, octets: bytes) -> None:
    """Write a part of the file.

    Raises:
        ConnectionError: the reader is gone, or as good as that.
    """
    for at in range(0, len(octets), _PART):
        async with read_within(STALLED_S):
            await response.write(octets[at : at + _PART])


class Recording:
    """One capture under way: what is written and not yet read.

    Attributes:
        lost: frames that found no room.
    """

    def __init__(self, recorder: Recorder, selection: Selection, bounds: Bounds) -> None:
        self.lost = 0
        self._recorder = recorder
        self._selection = selection
        self._bounds = bounds
        self._frames = 0
        self._told_lost = 0
        self._waiting: deque[bytes] = deque()
        self._octets_waiting = 0
        self._octets = 0
        self._most = math.inf
        if bounds.size is not None:
            self._most = bounds.size - len(recorder.losses(0))
        self._is_over = False
        self._news = asyncio.Event()
        self._append(recorder.beginning())

    def take(self, outcome: Outcome) -> None:
        """Record what became of a frame, if it is wanted and there is room."""
        if self._is_over or not self._selection.takes(outcome):
            return
        if self._octets_waiting >= MOST_WAITING:
            self.lost += 1
            return
        blocks = self._recorder.blocks(outcome, self._note())
        if self._octets + len(blocks) > self._most:
            self._end()
            return
        self._append(blocks)
        self._frames += 1
        if self._frames == self._bounds.count:
            self._end()

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the file in parts, each of whole blocks, as it grows."""
        seconds = self._bounds.seconds
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._end) if seconds is not None else None
        said = 0
        try:
            while not (self._is_over and not self._waiting):
                self._news.clear()
                if self._waiting:
                    yield self._taken()
                if self.lost > said and self._bounds.size is None:
                    said = self.lost
                    yield self._recorder.losses(said)
                if not self._waiting and not self._is_over:
                    await self._wait()
            if self.lost > said:
                yield self._recorder.losses(self.lost)
        finally:
            if timer is not None:
                timer.cancel()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._news.wait()
        except TimeoutError:
            pass

    def _note(self) -> str:
        """Return what is to be said of losses before the next frame."""
        if self.lost == self._told_lost:
            return ""
        lost, self._told_lost = self.lost - self._told_lost, self.lost
        return f"{lost} frames before this one are missing: they were not read fast enough"

    def _taken(self) -> bytes:
        part = b"".join(self._waiting)
        self._waiting.clear()
        self._octets_waiting = 0
        return part

    def _append(self, blocks: bytes) -> None:
        self._waiting.append(blocks)
        self._octets_waiting += len(blocks)
        self._octets += len(blocks)
        self._news.set()

    def _end(self) -> None:
        self._is_over = True
        self._news.set()


ROUTES = (web.get("/v1/capture", capture),)
