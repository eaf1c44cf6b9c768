"""`/v1/capture`: every frame that matches a filter, both sides of the tunnel, as pcapng.

The blocks of a frame are made immediately, so all bounds count octets of the file. They wait for
the reader up to a limit. Beyond it frames are lost; they are counted, and the file says how many.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator

from aiohttp import web

from vtep.control.http.context import DAEMON, LIMITS, TRACES, DaemonContext
from vtep.control.http.streaming import begin_stream
from vtep.control.query import read_capture
from vtep.errors import UsageError
from vtep.trace.filters import CaptureLimits, FrameFilter
from vtep.trace.outcome import Outcome
from vtep.trace.pcapng import PcapngWriter

_PART = 1 << 18
_CHECK_LOSSES_S = 1.0


async def capture(request: web.Request) -> web.StreamResponse:
    """Answer with a capture; for the query see vtep.control.query.read_capture."""
    frames, ends = read_capture(request.query)
    limits = request.app[LIMITS]
    writer = _writer(request.app[DAEMON], ends.snaplen)
    least = len(writer.header() + writer.losses(0))
    if ends.size is not None and ends.size < least:
        raise UsageError(f"size {ends.size}: too small for an empty file; use {least} or more")
    recording = Recording(writer, frames, ends, limits.capture_queue_octets)
    with request.app[TRACES].subscribe(recording.add):
        stream = await begin_stream(request, "application/x-pcapng", limits.capture_write_timeout_s)
        async for part in recording.parts():
            for at in range(0, len(part), _PART):
                await stream.write(part[at : at + _PART])
    return await stream.end()


def _writer(daemon: DaemonContext, snaplen: int) -> PcapngWriter:
    rebuilder = daemon.outer_rebuilder()
    return PcapngWriter(daemon.taps, daemon.vtep.overlays, rebuilder, snaplen, time.time_ns)


class Recording:
    """One capture under way: blocks that were made and not read yet.

    Args:
        writer: makes the blocks.
        frames: which frames are recorded.
        limits: when the capture ends.
        max_queued: octets that may wait for the reader.

    Attributes:
        lost: frames that found no room in the queue.
    """

    def __init__(
        self, writer: PcapngWriter, frames: FrameFilter, limits: CaptureLimits, max_queued: int
    ) -> None:
        self.lost = 0
        self._writer = writer
        self._filter = frames
        self._limits = limits
        self._max_queued = max_queued
        self._frames = 0
        self._noted_losses = 0
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._octets = 0
        self._max_octets = math.inf
        if limits.size is not None:
            self._max_octets = limits.size - len(writer.losses(0))
        self._is_over = False
        self._changed = asyncio.Event()
        self._append(writer.header())

    def add(self, outcome: Outcome) -> None:
        """Record a frame if it matches the filter and there is room."""
        if self._is_over or not self._filter.matches(outcome):
            return
        if self._queued >= self._max_queued:
            self.lost += 1
            return
        blocks = self._writer.blocks(outcome, self._loss_note())
        if self._octets + len(blocks) > self._max_octets:
            self._end()
            return
        self._append(blocks)
        self._frames += 1
        if self._frames == self._limits.count:
            self._end()

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the file in parts of whole blocks as it grows."""
        seconds = self._limits.seconds
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._end) if seconds is not None else None
        written_losses = 0
        try:
            while not (self._is_over and not self._queue):
                self._changed.clear()
                if self._queue:
                    yield self._take()
                if self.lost > written_losses and self._limits.size is None:
                    written_losses = self.lost
                    yield self._writer.losses(written_losses)
                if not self._queue and not self._is_over:
                    await self._wait()
            if self.lost > written_losses:
                yield self._writer.losses(self.lost)
        finally:
            if timer is not None:
                timer.cancel()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_CHECK_LOSSES_S):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _loss_note(self) -> str:
        """Return a comment for the next frame on the frames lost before it; or the empty text."""
        if self.lost == self._noted_losses:
            return ""
        lost, self._noted_losses = self.lost - self._noted_losses, self.lost
        return f"{lost} frames before this one are missing: they were not read fast enough"

    def _take(self) -> bytes:
        part = b"".join(self._queue)
        self._queue.clear()
        self._queued = 0
        return part

    def _append(self, blocks: bytes) -> None:
        self._queue.append(blocks)
        self._queued += len(blocks)
        self._octets += len(blocks)
        self._changed.set()

    def _end(self) -> None:
        self._is_over = True
        self._changed.set()


ROUTES = (web.get("/v1/capture", capture),)
