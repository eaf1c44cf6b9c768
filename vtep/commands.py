"""The commands that ask a running daemon, and those that teach; each imported when given."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """One command.

    Attributes:
        run: takes the words behind its name and returns the exit code; raises ConfigError for what
            cannot be carried out.
        usage, help: for --help.
    """

    run: Callable[[Sequence[str]], int]
    usage: str
    help: str


def _show(words: Sequence[str]) -> int:
    from vtep.control.show import show

    return show(words)


def _fdb(words: Sequence[str]) -> int:
    from vtep.control.show import fdb

    return fdb(words)


def _peer(words: Sequence[str]) -> int:
    from vtep.control.show import peer

    return peer(words)


def _walk(words: Sequence[str]) -> int:
    from vtep.walk.command import main

    return main(words)


def _decode(words: Sequence[str]) -> int:
    from vtep.walk.decode import main

    return main(words)


COMMANDS = {
    "show": Command(_show, "vtep show [-s] [-d]", "the overlays, and their counters"),
    "fdb": Command(_fdb, "vtep fdb show", "behind which VTEP each MAC is"),
    "peer": Command(_peer, "vtep peer show", "the other VTEPs, and their state"),
    "walk": Command(_walk, "vtep walk [option ...]", "follow a frame from container to container"),
    "decode": Command(_decode, "vtep decode FILE|HEX|-", "take datagrams apart, and judge them"),
}
