"""Argument parser of the commands: reports mistakes as UsageError instead of exiting."""

import argparse
from typing import Never

from vtep.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises UsageError and does not accept abbreviated options."""

    def __init__(self, command: str, summary: str, *, add_help: bool = True) -> None:
        super().__init__(
            prog=f"vtep {command}".rstrip(),
            description=summary,
            add_help=add_help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> Never:
        """Raise UsageError with the message that argparse would print before it exits."""
        raise UsageError(message.removeprefix("argument "))
