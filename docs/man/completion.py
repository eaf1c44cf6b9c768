"""Completion of the command line in shells, by shtab from the argument parser."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import shtab

from vtep.config.arguments import Parser

Shell: TypeAlias = Literal["bash", "zsh"]

_DEVICES = shtab.cmd("ls /sys/class/net")

_VALUES = {
    "FILE": shtab.FILE,
    "PATH": shtab.FILE,
    "PATH|none": shtab.FILE,
    "FILE|HEX|-": shtab.FILE,
    "DIR": shtab.DIRECTORY,
    "DEVICE": _DEVICES,
    "BRIDGE": _DEVICES,
    "TAP": _DEVICES,
    "NAME": _DEVICES,
}
"""What completes an option or an argument whose value has this placeholder."""

_NOT_DEVICES = {"--docker-network"}
"""Options with such a placeholder that name something else."""


def completion(parser: Parser, shell: Shell) -> str:
    """Return the file that a shell loads to complete the command line of *parser*."""
    for owner, action in _actions(parser):
        value = _VALUES.get(str(action.metavar))
        if owner.completions and not action.option_strings:
            value = _any_of(owner.completions)
        if value is not None and not _NOT_DEVICES.intersection(action.option_strings):
            action.complete = value  # type: ignore[attr-defined]
    text: str = shtab.complete(parser, shell)
    return text


def _any_of(words: Sequence[str]) -> shtab.CompleteType:
    """Return what completes *words*, and the names of devices if `dev` is one of them."""
    devices = "; ls /sys/class/net" if "dev" in words else ""
    return shtab.cmd(f"echo {' '.join(words)}{devices}")


def _actions(parser: Parser) -> Iterator[tuple[Parser, argparse.Action]]:
    """Yield the actions of a parser and of its commands, each with its parser."""
    for action in parser._actions:
        yield parser, action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
