"""Run `python -m bench`."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from bench.cli import main


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Treat SIGTERM like Ctrl-C, so that all namespaces and processes are removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(sys.argv[1:]))
