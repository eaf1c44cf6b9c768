"""Waiting for a condition, always with a bound, and failing with words."""

import time
from collections.abc import Callable
from typing import TypeVar

from vtep.lab.errors import LabError

T = TypeVar("T")

POLL_SECONDS = 0.005


def wait_until(
    condition: Callable[[], T],
    timeout: float = 5.0,
    *,
    what: str = "",
    seen: Callable[[], object] | None = None,
) -> T:
    """Call `condition` until it gives something true, and return that.

    `what` names what is waited for; `seen` is asked at a failure for what there was instead
    (a log, say). Raises LabError after `timeout` seconds; `condition` is asked once more then.
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
            there = seen() if seen else value
            raise LabError(f"waited {timeout:g} s in vain for {name}; there was: {there}")
        time.sleep(POLL_SECONDS)
    return value
