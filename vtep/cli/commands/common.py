"""Options, output and errors that the commands for a running daemon share."""

import argparse
import functools
import json
import sys
from collections.abc import Callable, Iterable

from vtep.config.arguments import Parser
from vtep.config.unsupported import IPROUTE2, IPROUTE2_MONITOR
from vtep.control.client.client import Gone

DAEMON_GONE = 1
"""Exit code when the daemon ended before its response did."""

Command = Callable[[argparse.Namespace], int]


def reports_gone(command: Command) -> Command:
    """Decorate a command: print one line and return DAEMON_GONE when it raises Gone."""

    @functools.wraps(command)
    def wrapped(arguments: argparse.Namespace) -> int:
        try:
            return command(arguments)
        except Gone as error:
            print(f"vtep: error: {error}", file=sys.stderr)
            return DAEMON_GONE

    return wrapped


def add_socket(parser: Parser) -> None:
    """Add the option that chooses one of several daemons."""
    parser.add_argument("--socket", metavar="PATH", help="use the control socket PATH")


def add_output_options(parser: Parser, details: str = "accepted; adds nothing here") -> None:
    """Add the options that iproute2 has for all its objects; *details* is the help of -d."""
    parser.abbreviates = True
    parser.unsupported = IPROUTE2 | IPROUTE2_MONITOR
    section = parser.add_argument_group("output, with the options of iproute2")
    for names, summary in (
        (("-s", "--statistics", "--stats"), "show counters too"),
        (("-d", "--details"), details),
        (("-j", "--json"), "print JSON"),
        (("-p", "--pretty"), "indent the JSON"),
        (("-o", "--oneline"), "print each record on one line"),
        (("-c", "--color"), "accepted; the output has no colours"),
    ):
        section.add_argument(*names, action="store_true", help=summary)


def print_json(records: Iterable[str], *, pretty: bool) -> None:
    """Print JSON texts as one list."""
    before = "["
    for record in records:
        if pretty:
            indented = json.dumps(json.loads(record), indent=4).replace("\n", "\n    ")
            record = f"\n    {indented}"
        print(f"{before}{record}", end="")
        before = "," if pretty else ",\n"
    print("[]" if before == "[" else "\n]" if pretty else "]")


def print_record(lines: Iterable[str], *, oneline: bool) -> None:
    r"""Print the lines of one record; with *oneline* joined by a \, as ip -o does."""
    print("\\".join(lines) if oneline else "\n".join(lines))
