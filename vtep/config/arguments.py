"""Argument parser of the commands: iproute2's spellings, and mistakes as UsageError."""

import argparse
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Never

from vtep.errors import UsageError, did_you_mean

_PLAIN = (
    (r"invalid choice: (.+?) \(choose from (.+)\)", r"\1 is not valid; use \2"),
    (r"invalid whole_number value: (.+)", r"\1 is not valid; use a whole number"),
    (r"expected one argument", r"value missing; write it after the option"),
    (r"expected (\d+) arguments", r"needs \1 values; write them after the option"),
    (r"not allowed with argument (.+)", r"cannot be combined with \1; remove one"),
    (r"the following arguments are required: (.+)", r"\1: missing; add it"),
)
"""Messages of argparse, and ours in the form `what: why; remedy`."""

_VALUED = r"(?P<name>.+): ignored explicit argument (['\"])(?P<value>.*)\2"
"""Message of argparse about a value after an option that takes none."""

_YES, _NO = ("yes", "on", "true", "1"), ("no", "off", "false", "0")
"""Values that users give to options without a value."""


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises UsageError, and accepts `-details` for `--details`.

    Attributes:
        abbreviates: accept the beginning of an option if it is unambiguous, as iproute2 does.
        help_command: the command that prints its help.
        completions: words that an argument may be, for the completion in a shell.
        unsupported: options of other programs, and the rest of the error for each: without dashes
            if they may be words too, else with one.
    """

    abbreviates = False
    completions: Sequence[str] = ()
    unsupported: Mapping[str, str] = {}

    def __init__(self, prog: str = "vtep", *, add_help: bool = True, **more: Any) -> None:
        self.help_command = f"{prog} --help"
        super().__init__(
            prog=prog,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **more,
        )
        if add_help:
            self.add_argument("-h", "--help", action="help", help="print this help")

    def parse_command(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse options and words in any order.

        Raises:
            UsageError: an option is unknown, or lacks its value.
        """
        end = words.index("--") if "--" in words else len(words)
        spelled = [*map(self._spell, words[:end]), *words[end:]]
        arguments, unknown = self.parse_known_intermixed_args(spelled)
        for word in unknown:
            if word.startswith("-"):
                raise self._unknown(word)
            for before, after in pairwise(spelled):
                if after == word in _YES + _NO and self._is_switch(before):
                    raise self._takes_no_value(before, word)
            raise UsageError(f"argument {word!r}: {self._why_unexpected(word)}")
        return arguments

    def error(self, message: str) -> Never:
        """Raise UsageError with the message that argparse would print before it exits."""
        message = message.removeprefix("argument ")
        if valued := re.fullmatch(_VALUED, message, re.DOTALL):
            raise self._takes_no_value(valued["name"], valued["value"])
        for theirs, ours in _PLAIN:
            if found := re.search(f"{theirs}$", message, re.DOTALL):
                what, use, choices = found.expand(ours).partition("; use ")
                raise UsageError(message[: found.start()] + what + use + choices.replace("'", ""))
        raise UsageError(message)

    def _spell(self, word: str) -> str:
        """Return an option in the spelling of argparse.

        argparse reads -details as -d with the value "etails". iproute2 takes one dash or two, and
        the beginning of a name.
        """
        known = self._option_string_actions
        name, equals, value = word.partition("=")
        if len(name) < 3 or name in known or not re.match("--?[a-zA-Z]", name):
            return word
        long = f"--{name.lstrip('-')}"
        if long in known:
            return f"{long}{equals}{value}"
        if self.abbreviates:
            near = {id(action): one for one, action in known.items() if one.startswith(long)}
            if len(near) == 1:
                return f"{near.popitem()[1]}{equals}{value}"
        if name.startswith("--"):
            return word
        first = known.get(name[:2])
        takes_value = first is not None and first.nargs != 0
        if takes_value or all(f"-{letter}" in known for letter in name[1:]):
            return word  # -cFILE, or several letters such as -sj
        raise self._unknown(word)

    def _unknown(self, word: str) -> UsageError:
        name = word.partition("=")[0]
        plain = name.lstrip("-")
        spellings = (plain, plain.replace("no-", "no", 1), f"-{plain}")
        why = next((self.unsupported[one] for one in spellings if one in self.unsupported), None)
        if why is None:
            known = self._option_string_actions
            why = f"unknown; {did_you_mean(name, list(known), f'see {self.help_command}')}"
        return UsageError(f"option {name!r}: {why}")

    def _is_switch(self, name: str) -> bool:
        action = self._option_string_actions.get(name)
        return action is not None and action.nargs == 0

    def _takes_no_value(self, name: str, value: str) -> UsageError:
        off = name.replace("--", "--no-", 1)
        is_refused = value in _NO and off in self._option_string_actions
        remedy = f"write {off}" if is_refused else f"remove {value!r}"
        return UsageError(f"{name}: takes no value; {remedy}")

    def _why_unexpected(self, word: str) -> str:
        if word in self.unsupported:
            return self.unsupported[word]
        if f"--{word}" in self._option_string_actions:
            return f"unexpected; did you mean '--{word}'?"
        return "unexpected; write each value after its option"
