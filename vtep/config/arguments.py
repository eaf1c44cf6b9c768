"""The parser of a command's words: what argparse finds wrong is told as any other mistake."""

import argparse
from typing import Never

from vtep.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises ConfigError; it takes no abbreviations of its options."""

    def __init__(self, command: str, summary: str, *, add_help: bool = True) -> None:
        super().__init__(
            prog=f"vtep {command}".rstrip(),
            description=summary,
            add_help=add_help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> Never:
        """Raise what argparse would print with its usage and exit."""
        raise UsageError(message.removeprefix("argument "))
