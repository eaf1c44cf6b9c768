"""Wait for a condition, with a timeout and a descriptive error."""

import time
from collections.abc import Callable
from typing import TypeVar

from vtep.lab.errors import LabError

T = TypeVar("T")

POLL_SECONDS = 0.005
GENEROUS_S = 60
"""Seconds in which a state must be reached: many, because the machine may be busy."""


def wait_until(
    condition: Callable[[], T],
    timeout: float = GENEROUS_S,
    *,
    what: str = "",
    seen: Callable[[], object] | None = None,
) -> T:
    """Call `condition` until its result is true, and return the result.

    The condition is called once more after the timeout.

    Args:
        condition: function to call repeatedly.
        timeout: seconds.
        what: name of the condition, for the error.
        seen: returns the actual state, for the error; for example a log.

    Raises:
        LabError: the condition is not true after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    value = condition()
    while not value:
        expired = time.monotonic() >= deadline
        value = condition()
        if value:
            break
        if expired:
            name = what or getattr(condition, "__qualname__", repr(condition))
            state = seen() if seen else value
            raise LabError(f"{name}: timeout after {timeout:g} s; state: {state}")
        time.sleep(POLL_SECONDS)
    return value
