"""`vtep help` and `vtep version`."""

import argparse
import sys
from collections.abc import Mapping

from vtep import __version__
from vtep.cli import help_text
from vtep.cli.command import Command
from vtep.config.arguments import Parser
from vtep.errors import UsageError, did_you_mean


def build_help(parser: Parser, commands: Mapping[str, Command]) -> None:
    """Add description and arguments of `vtep help`, which explains these commands."""

    def run(arguments: argparse.Namespace) -> int:
        name = arguments.command
        if name is None:
            print(help_text.text(commands.values()), end="")
        elif name in commands:
            commands[name].parser(name).print_help(sys.stdout)
        else:
            raise UsageError(f"command {name!r}: unknown; {did_you_mean(name, list(commands))}")
        return 0

    parser.set_defaults(run=run)
    parser.help_command = "vtep help"
    parser.completions = tuple(commands)
    parser.description = "Print the help of vtep, or of one command."
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=", ".join(commands))


def build_version(parser: Parser) -> None:
    """Add the description of `vtep version`."""
    parser.set_defaults(run=_print_version)
    parser.description = "Print the version of vtep."


def _print_version(arguments: argparse.Namespace) -> int:
    print(f"vtep {__version__}")
    return 0
