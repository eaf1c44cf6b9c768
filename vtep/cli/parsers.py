"""The complete command line as one argparse parser."""

from vtep.cli import daemon
from vtep.cli.registry import COMMANDS
from vtep.config.arguments import Parser


def full_parser() -> Parser:
    """Return a parser of the daemon's options and of every command.

    Shell completion and the man page are generated from it. The program itself does not parse with
    it: it makes only the parser of the command that it runs, from the same `build` functions. No
    large package is imported.
    """
    parser = daemon.parser()
    parser.usage = "%(prog)s [option ...] [COMMAND ...]"
    parser.description = "Connect Ethernet segments across an IP network (VXLAN, RFC 7348)."
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="vtep")
    for name, command in COMMANDS.items():
        command.build(commands.add_parser(name, usage=command.usage, help=command.help))
    return parser
