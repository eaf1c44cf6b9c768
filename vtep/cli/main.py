"""The command line: choose the command, run it, and turn its errors into one line and a code.

Each command imports packages outside the standard library itself, so that commands which only
query or check start quickly.
"""

import errno
import io
import os
import sys
from collections.abc import Sequence

from vtep.cli import daemon, help_text
from vtep.cli.dispatch import run, split_command
from vtep.cli.registry import COMMANDS
from vtep.config.options import OPTIONS
from vtep.errors import UsageError

USAGE_ERROR = 2
"""Exit code of a wrong command line, configuration or host; one line on stderr says why."""

OUTPUT_ERROR = 1
"""Exit code when the output cannot be written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: that of this process) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # captures may contain any character
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(words)
        if sys.stdout is not None:  # None if the process was started without one
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has ended, as in `vtep fdb show | head`
        _discard_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        print(f"vtep: error: cannot write the output: {error.strerror}", file=sys.stderr)
        return OUTPUT_ERROR
    except UsageError as error:
        print("vtep: error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130  # the shells' code for SIGINT; later the daemon handles the signal


def _discard_output() -> None:
    """Redirect stdout to /dev/null, so that flushing its buffer at exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(words: Sequence[str]) -> int:
    if not words and not any(os.environ.get(option.variable) for option in OPTIONS):
        print(help_text.usage(COMMANDS.values()), file=sys.stderr, end="")
        return USAGE_ERROR
    name, rest = split_command(words)
    return _daemon(rest) if name is None else run(name, rest)


def _daemon(words: Sequence[str]) -> int:
    arguments = daemon.parser().parse_command(words)
    if arguments.help:
        return run("help", [])
    if arguments.version:
        return run("version", [])
    return daemon.run(arguments)
