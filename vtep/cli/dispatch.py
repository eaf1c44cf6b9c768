"""Find the command in a command line; options may come before it, as in iproute2."""

import re
from collections.abc import Sequence

from vtep.cli.guesses import ABBREVIATED, NOT_COMMANDS, SYNONYMS
from vtep.cli.registry import COMMANDS
from vtep.config.options import OPTIONS
from vtep.errors import UsageError, did_you_mean

_EARLY = (
    *("statistics", "stats", "details", "json", "pretty", "oneline", "color"),
    *("timestamp", "all", "help", "version"),
)
"""Options without a value that may come before a command; `-c` before it is --config."""
_EARLY_LETTERS = frozenset("sdjpotahV")
_SHOW = ("show", *SYNONYMS)


def split_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the name of the command and the words for it; None and all words for the daemon.

    Raises:
        UsageError: the command is unknown, or options that need a command have none.
    """
    early = _count_early(words)
    if early < len(words) and not words[early].startswith("-"):
        options, word, rest = [*words[:early]], words[early], [*words[early + 1 :]]
        name = _command(word)
        if set(options) & {"-V", "--version", "-version"}:
            return "version", []
        if rest == ["help"]:
            rest = ["--help"]
        elif name == "help" and rest and not rest[0].startswith("-"):
            rest = [_command(rest[0]), *rest[1:]]
        elif word == "link":
            rest = _after_link(rest)
        return name, [*options, *rest]
    if early and not re.fullmatch("-[hV]|--?(help|version)", words[0]):
        example = f"vtep {words[0]} show"
        hint = "; to run it in the background use a service or nohup" if words[0] == "-d" else ""
        raise UsageError(
            f"option {words[0]!r}: not an option of the daemon, but of commands; "
            f"write for example {example}{hint}"
        )
    return None, [*words]


def _after_link(words: list[str]) -> list[str]:
    """Return the words for `vtep show` of `vtep link [show] ...`."""
    if words and words[0] in NOT_COMMANDS:
        raise UsageError(f"link {words[0]}: {NOT_COMMANDS[words[0]]}")
    if words and any(one.startswith(words[0]) for one in _SHOW):
        return words[1:]
    return words


def _count_early(words: Sequence[str]) -> int:
    """Return the number of words at the start that may belong to a command after them."""
    at = 0
    while at < len(words):
        if words[at] == "--socket":
            at += 2
        elif words[at].startswith("--socket=") or _is_early(words[at]):
            at += 1
        else:
            break
    return at


def _is_early(word: str) -> bool:
    if re.fullmatch("-[a-zA-Z]+", word) and _EARLY_LETTERS.issuperset(word[1:]):
        return True
    name = re.fullmatch("--?([a-z]{2,})", word)
    return name is not None and any(one.startswith(name[1]) for one in _EARLY)


def _command(word: str) -> str:
    """Return the name of the command that a word means.

    Raises:
        UsageError: it means none.
    """
    if word in COMMANDS:
        return word
    if word in NOT_COMMANDS:
        raise UsageError(f"{word}: {NOT_COMMANDS[word]}")
    meant = {SYNONYMS.get(one, one) for one in ABBREVIATED if one.startswith(word)}
    if len(meant) == 1:
        return meant.pop()
    names = {
        name.lstrip("-"): name for option in OPTIONS for name in (option.flag, *option.aliases)
    }
    if word in names:
        remedy = f"did you mean {names[word]!r}?"
    else:
        remedy = did_you_mean(word, list(COMMANDS), "see vtep --help")
    raise UsageError(f"command {word!r}: unknown; {remedy}")
