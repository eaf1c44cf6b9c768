"""Start a process that signals on a pipe that it is ready."""

import os
import selectors
import time
from collections.abc import Callable

from vtep.lab.process import Process


def start_ready(start: Callable[[int], Process], timeout: float) -> tuple[Process, bytes]:
    """Start a process, wait until it is ready, and return it with the octets from its pipe.

    `start` gets the descriptor of the writing end and lets the process inherit it.

    Raises:
        LabError: the process ended, or wrote nothing within `timeout` seconds. The process is then
            ended, and the error contains its output.
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
    """Return the octets from the pipe; end of file without any means that the process ends."""
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        if not selector.select(timeout):
            raise process.failure(f"is not ready after {timeout:g} s")
    if octets := os.read(reading, 64):
        return octets
    exit_code = process.wait(max(1.0, deadline - time.monotonic()))
    raise process.failure(f"ended with exit code {exit_code} before it was ready")
