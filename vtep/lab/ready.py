"""Starting a process that tells, on a pipe, when it is ready."""

import os
import selectors
import time
from collections.abc import Callable

from vtep.lab.process import Process


def start_ready(start: Callable[[int], Process], timeout: float) -> tuple[Process, bytes]:
    """Start a process and return it with what it wrote on its pipe when it was ready.

    `start` gets the number of the writing end, which it hands down to the process. LabError, with
    what the process said, when it ends without a word or stays silent for `timeout` seconds; it
    is ended then.
    """
    reading, writing = os.pipe()
    try:
        try:
            process = start(writing)
        finally:
            os.close(writing)
        try:
            return process, _wait(process, reading, timeout)
        except BaseException:
            process.close()
            raise
    finally:
        os.close(reading)


def _wait(process: Process, reading: int, timeout: float) -> bytes:
    """Return the octets that arrive; the pipe's end without any means that the process ends."""
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        if not selector.select(timeout):
            raise process.failure(f"is not ready after {timeout:g} s")
    if said := os.read(reading, 64):
        return said
    exit_code = process.wait(max(1.0, deadline - time.monotonic()))
    raise process.failure(f"ended with exit code {exit_code} before it was ready")
