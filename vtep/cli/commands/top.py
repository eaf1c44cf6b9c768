"""`vtep top`: throughput, peers and drops of a running daemon, live in the terminal."""

import argparse
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from vtep.cli.commands.common import add_socket, asking, tap_of
from vtep.cli.commands.top_rates import Stats
from vtep.config.arguments import Parser
from vtep.control.client.client import Client, Gone
from vtep.control.client.discover import find
from vtep.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_STDIN = 0
_REFRESH_S = 1.0

Draw = Callable[[Stats, Stats], "RenderableType"]


@asking
def main(words: Sequence[str]) -> int:
    """Carry out the command; return the exit code.

    Raises:
        ConfigError: it cannot be carried out as given.
    """
    arguments = _parse(words)
    try:
        from vtep.cli.commands.top_screen import Screen, terminal
    except ImportError:
        raise UsageError("top needs the package rich: pip install rich") from None
    console = terminal()
    if not arguments.once and (not console.is_terminal or console.is_dumb_terminal):
        raise UsageError("top needs a terminal that can be drawn on: use --once")
    client = find(arguments.socket, tap_of(arguments.words))
    try:
        with _terminated():
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
    """Draw once a second, until q."""
    from rich.live import Live

    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        wait = 0.1
        while not pressed(wait):
            now = _again(client)
            live.update(draw(now, before), refresh=True)
            before, wait = now, _REFRESH_S


def _again(client: Client) -> Stats:
    """Ask one who has answered before.

    Raises:
        Gone: it does no more.
    """
    try:
        answer: Stats = client.get("/v1/stats")
    except UsageError:
        raise Gone(f"the vtep at {client.path} went away") from None
    return answer


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Read keys as they are pressed: give a function that waits, and tells whether q was."""
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
def _terminated() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: the terminal is put back."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser("top", "Show what a running vtep does, each second anew; q quits.")
    parser.add_argument("words", nargs="*", metavar="TAP", help="[dev] TAP: the vtep with it")
    add_socket(parser)
    parser.add_argument("--once", action="store_true", help="print one second of it, and end")
    return parser.parse_intermixed_args(words)
