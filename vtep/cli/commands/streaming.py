"""Where a stream goes that may last for hours: standard output or a file, and Ctrl-C meanwhile."""

import os
import select
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STDOUT = 1
_ENDING = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Ctrl-C and SIGTERM end a stream between two writes, never within one.

    While it waits for more, or on the second time, they raise KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self._came = False
        self._waits = False
        self._is_over = False

    @contextmanager
    def held(self) -> Iterator["Interrupts"]:
        """Handle the signals for the length of the block; afterwards, at the end, ignore them."""
        for number in _ENDING:
            signal.signal(number, self._handle)
        try:
            yield self
        finally:
            self._is_over = True
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Wait for more in this block."""
        self._waits = True
        try:
            if self._came:
                raise KeyboardInterrupt
            yield
        finally:
            self._waits = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._came = self._came, True
        if (self._waits or again) and not self._is_over:
            raise KeyboardInterrupt


def write_all(fd: int, octets: bytes) -> None:
    """Write everything, however little a pipe takes at once.

    Raises:
        OSError: as write(2) says; BrokenPipeError where nobody reads any more.
    """
    view = memoryview(octets)
    while view:
        view = view[os.write(fd, view) :]


def interrupt_when_nobody_reads(fd: int) -> None:
    """Act as on Ctrl-C when the reader of a pipe is gone, also while there is nothing to write."""
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return
    main = threading.main_thread().ident
    assert main is not None

    def wait() -> None:
        waiting = select.poll()
        waiting.register(fd, 0)  # errors are always told
        waiting.poll()
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()
