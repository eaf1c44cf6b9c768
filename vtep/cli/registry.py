"""The commands; each is imported when it is used.

Dispatch, `vtep --help`, `vtep help COMMAND`, suggestions and `vtep.cli.parsers` follow this table.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vtep import __version__
from vtep.cli import help
from vtep.config.arguments import Parser
from vtep.errors import UsageError, did_you_mean


class Command(NamedTuple):
    """One command.

    Attributes:
        build: adds description and arguments to a parser, and sets the default `run`, a function
            that takes the parsed arguments and returns the exit code. Imports no large package.
        usage, help: one line of --help.
    """

    build: Callable[[Parser], None]
    usage: str
    help: str


def _check(parser: Parser) -> None:
    from vtep.cli.daemon import build_check

    build_check(parser)


def _help(parser: Parser) -> None:
    parser.set_defaults(run=_print_help)
    parser.completions = tuple(COMMANDS)
    parser.description = "Print the help of vtep, or of one command."
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=", ".join(COMMANDS))


def _version(parser: Parser) -> None:
    parser.set_defaults(run=_print_version)
    parser.description = "Print the version of vtep."


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
    from vtep.cli.commands.lab import build_demo

    build_demo(parser)


def _lab(parser: Parser) -> None:
    from vtep.cli.commands.lab import build_lab

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


def parser_of(name: str) -> Parser:
    """Return the parser of a command; `arguments.run(arguments)` runs what it has parsed."""
    parser = Parser(f"vtep {name}", usage=COMMANDS[name].usage)
    COMMANDS[name].build(parser)
    return parser


def run(name: str, words: Sequence[str]) -> int:
    """Run a command with the words after its name; return the exit code.

    Raises:
        UsageError: a word is wrong; and what the command raises.
    """
    try:
        arguments = parser_of(name).parse_command(words)
    except SystemExit as printed:  # by argparse, after --help
        return int(printed.code or 0)
    code: int = arguments.run(arguments)
    return code


def help_text() -> str:
    """Return the text of `vtep --help`."""
    return help.text((one.usage, one.help) for one in COMMANDS.values())


def usage_text() -> str:
    """Return the text of `vtep` alone: the commands, and where to read about options."""
    return help.usage((one.usage, one.help) for one in COMMANDS.values()) + help.MORE


def _print_help(arguments: argparse.Namespace) -> int:
    name = arguments.command
    if name is None:
        print(help_text(), end="")
        return 0
    if name not in COMMANDS:
        raise UsageError(f"command {name!r}: unknown; {did_you_mean(name, list(COMMANDS))}")
    parser_of(name).print_help(sys.stdout)
    return 0


def _print_version(arguments: argparse.Namespace) -> int:
    print(f"vtep {__version__}")
    return 0
