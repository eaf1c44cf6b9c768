"""Errors with a message for the user: one line, `what: why; remedy`."""

from collections.abc import Iterable, Mapping

_SIMILAR = 0.65
"""Minimum similarity of a suggestion, as difflib counts it: --tip is like --tap, --ttl is not."""

_SHORT = 2
"""Length of names that are never suggested: --id is in --pid and --bind."""


class UsageError(ValueError):
    """An option, a configuration file or a query is wrong; the program exits with code 2."""


class HostError(Exception):
    """The host refuses an operation; the program exits with code 2 at start, 1 while it runs."""


def closest(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return at most *most* of the *known* words that are similar to *word*, the best first.

    Leading dashes do not count: all options have them, so they would make all options similar.
    """
    import difflib  # slow to import, and needed after a mistake only

    plain = {one.lstrip("-"): one for one in known}
    sought = word.lstrip("-")
    comparable = [one for one in plain if len(one) > _SHORT and len(sought) > 1]
    near = difflib.get_close_matches(sought, comparable, most, _SIMILAR)
    return [plain[one] for one in near]


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the remedy for an unknown word, to end an error: "did you mean 'vni'?".

    Args:
        word: what the user wrote.
        known: the words allowed; a mapping has what to suggest for each.
        otherwise: the remedy if no known word is similar; a list of them by default.
    """
    shown = known if isinstance(known, Mapping) else {one: str(one) for one in known}
    near = closest(word, shown)
    if near:
        return f"did you mean {shown[near[0]]!r}?"
    return otherwise or f"use {', '.join(dict.fromkeys(shown.values()))}"
