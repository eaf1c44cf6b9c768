"""Words after a command in the grammar of iproute2, such as `dev vx0 vni 100`."""

import re
from collections.abc import Mapping, Sequence

from vtep.cli.guesses import means_show
from vtep.errors import UsageError, closest, did_you_mean

_MAC = re.compile(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}")
_IPV4 = re.compile(r"[\d.]+")  # in place of ipaddress, which is slow to import

Conditions = dict[str, str]


def split_action(
    command: str,
    words: Sequence[str],
    conditions: Mapping[str, str],
    refused: Mapping[str, str],
    more: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """Return the action, "show" by default, and the words after it.

    Args:
        command: "fdb" or "peer".
        words: those after the command.
        conditions: words that may follow without an action.
        refused: actions of iproute2 that are not supported, and the rest of the error for each.
        more: actions other than show.

    Raises:
        UsageError: the action is unknown or not supported.
    """
    if not words:
        return "show", []
    first, *rest = words
    if first in refused:
        raise UsageError(f"{command} {first}: {refused[first]}")
    if first in more:
        return first, rest
    if means_show(first):
        return "show", rest
    if first in conditions or _kind(first) != "dev":
        return "show", list(words)
    raise UsageError(f"word {first!r}: unknown; {did_you_mean(first, ['show', *more])}")


def parse_words(
    words: Sequence[str],
    keys: Mapping[str, str],
    flags: Mapping[str, tuple[str, str]] | None = None,
) -> Conditions:
    """Return the conditions in *words* by name.

    A word alone is a MAC address, an IP address or a TAP, if these conditions are known.

    Args:
        words: such as `dev vx0 vni 100`.
        keys: words that come before a value, and the condition that each sets.
        flags: words without a value, and the condition that each sets to what.

    Raises:
        UsageError: a word is unknown, has no value, or repeats a condition.
    """
    found: Conditions = {}
    flags = flags or {}
    rest = iter(words)
    for word in rest:
        if word in flags:
            name, value = flags[word]
        elif word in keys:
            name, value = keys[word], next(rest, "")
            if not value:
                raise UsageError(f"{word}: value missing; write {word} VALUE")
        else:
            name, value = _alone(word, keys, [*keys, *flags]), word
        if found.get(name, value) != value:
            raise UsageError(f"word {word!r}: a second {name}; write one only")
        found[name] = value
    return found


def parse_tap(words: Sequence[str]) -> str | None:
    """Return the TAP of `[dev] TAP`; None if there are no words.

    Raises:
        UsageError: there are other words.
    """
    return parse_words(words, {"dev": "dev"}).get("dev")


def _alone(word: str, keys: Mapping[str, str], known: Sequence[str]) -> str:
    """Return the condition that a word sets which is not a key."""
    kind = _kind(word)
    if kind in keys.values() and kind != "dev":
        return kind
    is_mistyped = not re.search(r"\d", word) and closest(word, known)  # most TAPs have a digit
    if kind in keys.values() and not is_mistyped:
        return kind
    remedy = did_you_mean(word, known, f"use {', '.join(known)}")
    if kind in keys.values():
        remedy += f" For a TAP write dev {word}"
    raise UsageError(f"word {word!r}: unknown; {remedy}")


def is_mac(word: str) -> bool:
    """Whether a word has the form of a MAC address."""
    return _MAC.fullmatch(word) is not None


def _kind(word: str) -> str:
    """Return the condition that the form of a word stands for: mac, dst or dev.

    Raises:
        UsageError: it has a colon, but is not an address.
    """
    if is_mac(word):
        return "mac"
    if ":" not in word:
        return "dst" if _IPV4.fullmatch(word) else "dev"
    import ipaddress  # slow to import

    try:
        ipaddress.ip_address(word)
    except ValueError:
        what = "neither a MAC address nor an IP address; correct it"
        raise UsageError(f"word {word!r}: {what}") from None
    return "dst"
