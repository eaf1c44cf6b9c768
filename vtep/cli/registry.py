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
    from vtep.cli.commands.show import show

    return show(words)


def _fdb(words: Sequence[str]) -> int:
    from vtep.cli.commands.show import fdb

    return fdb(words)


def _peer(words: Sequence[str]) -> int:
    from vtep.cli.commands.show import peer

    return peer(words)


def _monitor(words: Sequence[str]) -> int:
    from vtep.cli.commands.monitor import main

    return main(words)


def _capture(words: Sequence[str]) -> int:
    from vtep.cli.commands.capture import main

    return main(words)


def _top(words: Sequence[str]) -> int:
    from vtep.cli.commands.top import main

    return main(words)


def _extcap(words: Sequence[str]) -> int:
    from vtep.cli.commands.extcap_install import main

    return main(words)


def _decode(words: Sequence[str]) -> int:
    from vtep.decode.command import main

    return main(words)


def _walk(words: Sequence[str]) -> int:
    from vtep.walk.command import main

    return main(words)


COMMANDS = {
    "show": Command(_show, "vtep show [-s] [-d]", "the overlays, and their counters"),
    "fdb": Command(_fdb, "vtep fdb show", "behind which VTEP each MAC is"),
    "peer": Command(_peer, "vtep peer show", "the other VTEPs, and their state"),
    "monitor": Command(_monitor, "vtep monitor", "what is learned, flooded, dropped"),
    "top": Command(_top, "vtep top", "throughput, peers and drops, live"),
    "capture": Command(_capture, "vtep capture -o FILE", "record frames, inside and outside"),
    "extcap": Command(_extcap, "vtep extcap install", "let Wireshark capture from it"),
    "walk": Command(_walk, "vtep walk [option ...]", "follow a frame from container to container"),
    "decode": Command(_decode, "vtep decode FILE|HEX|-", "VXLAN datagrams field by field"),
}
