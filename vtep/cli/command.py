"""One command of the table: how its arguments are parsed, and its lines of help."""

from collections.abc import Callable
from typing import NamedTuple

from vtep.config.arguments import Parser


class Command(NamedTuple):
    """One command.

    Attributes:
        build: adds description and arguments to a parser, and sets the default `run`, a function
            that takes the parsed arguments and returns the exit code. Imports no large package.
        usage, help: one line of --help.
    """

    build: Callable[[Parser], None]
    usage: str
    help: str

    def parser(self, name: str) -> Parser:
        """Return its parser; `arguments.run(arguments)` runs what that has parsed."""
        made = Parser(f"vtep {name}", usage=self.usage)
        self.build(made)
        return made
