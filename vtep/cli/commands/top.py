"""`vtep top`: show throughput, peers and drops of a running daemon, live in the terminal."""

import argparse
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from vtep.cli.commands.common import add_socket, reports_gone
from vtep.cli.commands.top_rates import Stats
from vtep.cli.commands.words import parse_tap
from vtep.config.arguments import Parser
from vtep.control.client.client import Client, Gone
from vtep.control.client.discover import find
from vtep.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_STDIN = 0
_REFRESH_S = 1.0

Draw = Callable[[Stats, Stats], "RenderableType"]


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep top` to a parser."""
    parser.set_defaults(run=run)
    parser.description = (
        "Show throughput, peers and drops of a running vtep, every second; q quits."
    )
    parser.add_argument(
        "words", nargs="*", metavar="TAP", help="[dev] TAP: show the vtep with this TAP"
    )
    add_socket(parser)
    parser.add_argument("--once", action="store_true", help="print one second and exit")


@reports_gone
def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        UsageError: an argument is wrong, no daemon matches, or the terminal cannot be drawn on.
    """
    try:
        from vtep.cli.commands.top_screen import Screen, terminal
    except ImportError:
        raise UsageError("top: needs the package rich; run pip install rich") from None
    console = terminal()
    if not arguments.once and (not console.is_terminal or console.is_dumb_terminal):
        raise UsageError("top: needs a terminal with cursor control; use --once")
    client = find(arguments.socket, parse_tap(arguments.words))
    try:
        with _interrupted_by_sigterm():
            hint = "" if arguments.once else "q quits"
            screen = Screen(console, ", ".join(client.get("/v1")["taps"]), hint)
            before = client.get("/v1/stats")
            if arguments.once:
                time.sleep(_REFRESH_S)
                console.print(screen.draw(client.get("/v1/stats"), before))
            else:
                _live(client, console, screen.draw, before)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    return 0


def _live(client: Client, console: "Console", draw: Draw, before: Stats) -> None:
    """Draw once a second, until the user presses q."""
    from rich.live import Live

    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        wait = 0.1
        while not pressed(wait):
            now = _stats(client)
            live.update(draw(now, before), refresh=True)
            before, wait = now, _REFRESH_S


def _stats(client: Client) -> Stats:
    """Query a daemon that has answered before.

    Raises:
        Gone: it does not answer.
    """
    try:
        stats: Stats = client.get("/v1/stats")
    except UsageError:
        raise Gone(client.path) from None
    return stats


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Read single keys; yield a function that waits and tells whether q was pressed."""
    if not os.isatty(_STDIN):
        yield _no_key
        return
    import termios
    import tty

    before = termios.tcgetattr(_STDIN)

    def pressed(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([_STDIN], [], [], left)[0]:
                keys = os.read(_STDIN, 64)
                if not keys or b"q" in keys.lower():
                    return True
        return False

    try:
        tty.setcbreak(_STDIN)
        yield pressed
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)


def _no_key(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, so that the terminal is restored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
