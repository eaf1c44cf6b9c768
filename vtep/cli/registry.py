"""The table of commands; each is imported when it is used.

Dispatch, `vtep --help`, `vtep help COMMAND`, suggestions and `vtep.cli.parsers` follow it.
"""

from vtep.cli.command import Command
from vtep.config.arguments import Parser


def _check(parser: Parser) -> None:
    from vtep.cli.daemon import build_check

    build_check(parser)


def _help(parser: Parser) -> None:
    from vtep.cli.help_command import build_help

    build_help(parser, COMMANDS)


def _version(parser: Parser) -> None:
    from vtep.cli.help_command import build_version

    build_version(parser)


def _show(parser: Parser) -> None:
    from vtep.cli.commands.show import build

    build(parser)


def _fdb(parser: Parser) -> None:
    from vtep.cli.commands.fdb import build

    build(parser)


def _peer(parser: Parser) -> None:
    from vtep.cli.commands.peer import build

    build(parser)


def _monitor(parser: Parser) -> None:
    from vtep.cli.commands.monitor import build

    build(parser)


def _capture(parser: Parser) -> None:
    from vtep.cli.commands.capture import build

    build(parser)


def _top(parser: Parser) -> None:
    from vtep.cli.commands.top import build

    build(parser)


def _extcap(parser: Parser) -> None:
    from vtep.cli.commands.extcap import build

    build(parser)


def _decode(parser: Parser) -> None:
    from vtep.decode.arguments import build

    build(parser)


def _walk(parser: Parser) -> None:
    from vtep.walk.command import build

    build(parser)


def _demo(parser: Parser) -> None:
    from vtep.cli.lab import build_demo

    build_demo(parser)


def _lab(parser: Parser) -> None:
    from vtep.cli.lab import build_lab

    build_lab(parser)


COMMANDS = {
    "check": Command(_check, "vtep check [option ...]", "check options without root"),
    "show": Command(_show, "vtep show [-s] [-d] [TAP]", "show overlays and their counters"),
    "fdb": Command(_fdb, "vtep fdb [show]", "show MAC addresses and their VTEPs"),
    "peer": Command(_peer, "vtep peer [show]", "show the other VTEPs and their state"),
    "monitor": Command(_monitor, "vtep monitor [EVENT ...]", "print table changes and drops live"),
    "top": Command(_top, "vtep top [TAP]", "show throughput, peers and drops live"),
    "capture": Command(_capture, "vtep capture -o FILE", "record frames of both sides as pcapng"),
    "extcap": Command(_extcap, "vtep extcap install", "add running vteps to Wireshark"),
    "walk": Command(_walk, "vtep walk [option ...]", "follow a frame between two containers"),
    "decode": Command(_decode, "vtep decode FILE|HEX|-", "print VXLAN datagrams field by field"),
    "demo": Command(_demo, "vtep demo [--web]", "show two hosts with a VTEP each"),
    "lab": Command(_lab, "vtep lab [--hosts N]", "open a shell with hosts to experiment on"),
    "help": Command(_help, "vtep help [COMMAND]", "print help"),
    "version": Command(_version, "vtep version", "print the version"),
}
