"""Arguments and errors that the commands for a running daemon share."""

import functools
import sys
from collections.abc import Callable, Sequence

from vtep.config.arguments import Parser
from vtep.control.client.client import Gone
from vtep.errors import UsageError

DAEMON_GONE = 1
"""Exit code when the daemon ended before its response did."""

Command = Callable[[Sequence[str]], int]


def reports_gone(command: Command) -> Command:
    """Decorate a command: print one line and return DAEMON_GONE when it raises Gone."""

    @functools.wraps(command)
    def wrapped(words: Sequence[str]) -> int:
        try:
            return command(words)
        except Gone as error:
            print(f"vtep: error: {error}", file=sys.stderr)
            return DAEMON_GONE

    return wrapped


def make_parser(command: str, summary: str, words: str) -> Parser:
    """Return a parser with --socket, -s, -j and the words after the command's name."""
    parser = Parser(command, summary)
    parser.add_argument("words", nargs="*", metavar="WORD", help=words)
    add_socket(parser)
    parser.add_argument("-s", "--statistics", action="store_true", help="show counters too")
    parser.add_argument("-j", "--json", action="store_true", help="print JSON")
    return parser


def add_socket(parser: Parser) -> None:
    """Add the option that chooses one of several daemons."""
    parser.add_argument("--socket", metavar="PATH", help="use the control socket PATH")


def parse_pairs(words: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return the value after each of the *known* words, as in `dev vx0 vni 100`.

    Raises:
        UsageError: a word is unknown, or has no value.
    """
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word not in known:
            raise UsageError(f"word {word!r}: unknown; use {' or '.join(known)}, and a value")
        value = next(rest, None)
        if value is None:
            raise UsageError(f"{word}: value missing; write {word} VALUE")
        found[word] = value
    return found


def parse_tap(words: Sequence[str]) -> str | None:
    """Return the TAP of `[dev] TAP`; None if there are no words.

    Raises:
        UsageError: there are other words.
    """
    if words and words[0] != "dev":
        words = ["dev", *words]
    return parse_pairs(words, ("dev",)).get("dev")
