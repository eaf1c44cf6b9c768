"""Options that come before a command, as in iproute2."""

import re
from collections.abc import Sequence
from itertools import pairwise

from vtep.config.options import OPTIONS
from vtep.config.unsupported import IPROUTE2
from vtep.errors import UsageError

_NAMES = (
    *("statistics", "stats", "details", "json", "pretty", "oneline", "color"),
    *("timestamp", "tshort", "all", "help", "version"),
)
"""Options of commands without a value; the beginning of a name is enough."""

_LETTERS = re.compile("-[sdjpotahV][sdjpotahVc]*")
"""Their letters, one or several. `-c` before a command is --config, but in `-sc` it is --color."""

_SOCKET = ("--socket", "-socket")
_OF_DAEMON = {name.lstrip("-") for option in OPTIONS for name in (option.flag, *option.aliases)}


def count(words: Sequence[str]) -> int:
    """Return the number of words at the start that may belong to a command after them.

    Raises:
        UsageError: an option of iproute2 after them is not supported.
    """
    at = 0
    while at < len(words):
        if words[at] in _SOCKET:
            at += 2
        elif _is_early(words[at]):
            at += 1
        else:
            why = IPROUTE2.get(f"-{_name(words[at])}") if words[at].startswith("-") else None
            if why is not None:
                raise UsageError(f"option {words[at].partition('=')[0]!r}: {why}")
            break
    return min(at, len(words))


def as_example(words: Sequence[str]) -> str:
    """Return early options as text, with PATH as the value of --socket."""
    pairs = pairwise(["", *words])
    shown = (word for before, word in pairs if before not in _SOCKET)
    return " ".join(f"{word} PATH" if word in _SOCKET else word for word in shown)


def _is_early(word: str) -> bool:
    if not word.startswith("-") or _name(word) in _OF_DAEMON:
        return False
    if _LETTERS.fullmatch(word) or re.match("--?socket=", word):
        return True
    return len(_name(word)) > 1 and any(one.startswith(_name(word)) for one in _NAMES)


def _name(word: str) -> str:
    return word.partition("=")[0].lstrip("-")
