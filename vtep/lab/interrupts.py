"""Ctrl-C and its like: kept out of moments without an owner, and all of one kind."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_Arrived = tuple[int, FrameType | None]


@contextmanager
def as_interrupt(number: signal.Signals) -> Iterator[None]:
    """End the block on this signal as on Ctrl-C: by unwinding, which removes all that was built."""
    before = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        signal.signal(number, before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def defer_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the block, and be handled there as usual.

    Handlers are exchanged, not blocked: a process that the block starts would inherit a blocked
    signal. Only the main thread handles signals; in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[_Arrived] = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    callables = {number: handler for number, handler in usual.items() if callable(handler)}
    for number in callables:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in callables.items():
            signal.signal(number, handler)
        _handle(arrived, callables)


def _handle(
    arrived: list[_Arrived],
    handlers: dict[signal.Signals, Callable[[int, FrameType | None], object]],
) -> None:
    for number, frame in arrived:
        handlers[signal.Signals(number)](number, frame)
