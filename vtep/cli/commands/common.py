"""What the commands that ask a daemon have in common."""

import functools
import sys
from collections.abc import Callable, Sequence

from vtep.config.arguments import Parser
from vtep.control.client.client import Gone
from vtep.errors import UsageError

WENT_AWAY = 1

Command = Callable[[Sequence[str]], int]


def asking(command: Command) -> Command:
    """Let a command end with one line and exit code 1 when the daemon goes away meanwhile."""

    @functools.wraps(command)
    def wrapped(words: Sequence[str]) -> int:
        try:
            return command(words)
        except Gone as error:
            print(f"vtep: error: {error}", file=sys.stderr)
            return WENT_AWAY

    return wrapped


def parser_of(command: str, summary: str, words: str) -> Parser:
    """Return a parser with --socket, -s, -j and the words after the command's name."""
    parser = Parser(command, summary)
    parser.add_argument("words", nargs="*", metavar="WORD", help=words)
    add_socket(parser)
    parser.add_argument("-s", "--statistics", action="store_true", help="show counters too")
    parser.add_argument("-j", "--json", action="store_true", help="print JSON")
    return parser


def add_socket(parser: Parser) -> None:
    """Add the option that names one daemon of several."""
    parser.add_argument("--socket", metavar="PATH", help="the control socket of the vtep to ask")


def pairs(words: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return what follows each of the *known* words, as in `dev vx0 vni 100`.

    Raises:
        ConfigError: there is another word, or nothing follows one.
    """
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word not in known:
            raise UsageError(f"unknown word {word!r}: use {' or '.join(known)}, and what it is")
        value = next(rest, None)
        if value is None:
            raise UsageError(f"nothing follows {word}: write what it is")
        found[word] = value
    return found


def tap_of(words: Sequence[str]) -> str | None:
    """Return the TAP that `[dev] TAP` names, None if there is no word.

    Raises:
        ConfigError: there is more.
    """
    if words and words[0] != "dev":
        words = ["dev", *words]
    return pairs(words, ("dev",)).get("dev")


def number(words: dict[str, str], word: str) -> int | None:
    """Return the number that follows a word; None if the word is not there.

    Raises:
        ConfigError: it is none.
    """
    if word not in words:
        return None
    try:
        return int(words[word], 0)
    except ValueError:
        raise UsageError(f"{word} {words[word]!r} is no number: write one") from None
