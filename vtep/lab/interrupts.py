"""Treat SIGTERM like Ctrl-C, and defer both while a resource has no owner yet."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_Arrived = tuple[int, FrameType | None]


@contextmanager
def as_interrupt(number: signal.Signals) -> Iterator[None]:
    """Raise KeyboardInterrupt on this signal too, so that the block cleans up as on Ctrl-C."""
    before = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        signal.signal(number, before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer SIGINT and SIGTERM to the end of the block, where their handlers run as usual.

    The handlers are replaced instead of blocking the signals, because a process that the block
    starts would inherit blocked signals. Outside the main thread, which alone handles signals,
    this does nothing.
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
