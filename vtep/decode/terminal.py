"""Properties of stdout: whether it is a terminal, its width, and the use of colour."""

import os
import sys

WIDTH = 92
"""Preferred width of a text, in columns."""

_MIN_WIDTH = 60


def is_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def wants_colour() -> bool:
    """Return whether to use colour: stdout is a terminal and NO_COLOR is not set."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def width() -> int:
    """Return the width of the text, in columns."""
    if not is_terminal():
        return WIDTH
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return WIDTH
    return max(_MIN_WIDTH, min(columns, WIDTH)) if columns else WIDTH
