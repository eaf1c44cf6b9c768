"""Streams without end: whole pcapng blocks, complete writes, and Ctrl-C between two of them."""

import os
import select
import signal
import stat
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STDOUT = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_BLOCK_HEADER = struct.Struct("=II")
"""Type and length."""
_MIN_BLOCK = 12
_STATISTICS, _ENHANCED_PACKET = 5, 6
_INTERFACE = struct.Struct("=I")
_LOST = struct.Struct("=Q")
_LOST_AT = 24


class BlockSplitter:
    """Splits a pcapng stream at the ends of its blocks, and counts packets.

    Attributes:
        inner, outer: packets on the TAPs, and on the underlay.
        lost: missing frames according to the statistics blocks.
    """

    def __init__(self) -> None:
        self.inner = 0
        self.outer = 0
        self.lost = 0
        self._rest = b""

    def feed(self, part: bytes) -> bytes:
        """Take the next octets of the stream; return the blocks that are complete now."""
        octets = self._rest + part
        at = 0
        while len(octets) - at >= _MIN_BLOCK:
            kind, length = _BLOCK_HEADER.unpack_from(octets, at)
            length = max(length, _MIN_BLOCK)
            if len(octets) - at < length:
                break
            if kind == _ENHANCED_PACKET:
                (interface,) = _INTERFACE.unpack_from(octets, at + 8)
                self.outer += interface & 1
                self.inner += not interface & 1
            elif kind == _STATISTICS and length >= _LOST_AT + _LOST.size:
                (self.lost,) = _LOST.unpack_from(octets, at + _LOST_AT)
            at += length
        self._rest = octets[at:]
        return octets[:at]


class Interrupts:
    """SIGINT and SIGTERM end a stream between two writes, never within one.

    They raise KeyboardInterrupt while the stream waits for data, and when they come a second time.
    """

    def __init__(self) -> None:
        self._came = False
        self._is_waiting = False
        self._is_over = False

    @contextmanager
    def deferred(self) -> Iterator["Interrupts"]:
        """Handle the signals for the length of the block; ignore them afterwards."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        try:
            yield self
        finally:
            self._is_over = True
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise KeyboardInterrupt for signals in this block, and for one that came before."""
        self._is_waiting = True
        try:
            if self._came:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_waiting = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._came = self._came, True
        if (self._is_waiting or again) and not self._is_over:
            raise KeyboardInterrupt


def write_all(fd: int, octets: bytes) -> None:
    """Write all octets, in as many writes as a pipe needs.

    Raises:
        OSError: as write(2); BrokenPipeError if the reader is gone.
    """
    view = memoryview(octets)
    while view:
        view = view[os.write(fd, view) :]


def interrupt_when_reader_ends(fd: int) -> None:
    """Send SIGINT to this process when the reader of the pipe *fd* closes it."""
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return
    main = threading.main_thread().ident
    assert main is not None

    def wait() -> None:
        poll = select.poll()
        poll.register(fd, 0)  # POLLERR is always reported
        poll.poll()
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()
