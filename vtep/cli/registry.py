"""The commands besides `check`; each is imported when it runs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """One command.

    Attributes:
        run: takes the arguments after its name and returns the exit code; raises UsageError for
            wrong ones.
        usage, help: one line of --help.
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
    from vtep.cli.commands.extcap import command

    return command(words)


def _decode(words: Sequence[str]) -> int:
    from vtep.decode.command import main

    return main(words)


def _walk(words: Sequence[str]) -> int:
    from vtep.walk.command import main

    return main(words)


COMMANDS = {
    "show": Command(_show, "vtep show [-s] [-d]", "show overlays and their counters"),
    "fdb": Command(_fdb, "vtep fdb show", "show MAC addresses and their VTEPs"),
    "peer": Command(_peer, "vtep peer show", "show the other VTEPs and their state"),
    "monitor": Command(_monitor, "vtep monitor", "print table changes and drops live"),
    "top": Command(_top, "vtep top", "show throughput, peers and drops live"),
    "capture": Command(_capture, "vtep capture -o FILE", "record frames of both sides as pcapng"),
    "extcap": Command(_extcap, "vtep extcap install", "add running vteps to Wireshark"),
    "walk": Command(_walk, "vtep walk [option ...]", "follow a frame between two containers"),
    "decode": Command(_decode, "vtep decode FILE|HEX|-", "print VXLAN datagrams field by field"),
}
