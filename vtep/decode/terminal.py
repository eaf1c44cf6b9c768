"""What stdout is: a terminal, how wide it is, and whether its owner wants colour."""

import os
import sys

WIDTH = 92
"""Columns that a text is made for where they are there."""

_MIN_WIDTH = 60


def is_terminal() -> bool:
    """Tell whether somebody looks at what is printed."""
    return sys.stdout is not None and sys.stdout.isatty()


def wants_colour() -> bool:
    """Tell whether the output is for a terminal whose owner has nothing against colour."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def width() -> int:
    """Return how many columns a text may have."""
    if not is_terminal():
        return WIDTH
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return WIDTH
    return max(_MIN_WIDTH, min(columns, WIDTH)) if columns else WIDTH
