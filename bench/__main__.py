"""Run `python -m bench`."""

import signal
import sys
from types import FrameType
from typing import NoReturn

try:
    from bench.cli import main
except ModuleNotFoundError as error:
    print(
        f"bench: error: the Python package {error.name} is not installed; run make bench once, "
        "then .venv/bin/python -m bench",
        file=sys.stderr,
    )
    sys.exit(2)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Treat SIGTERM like Ctrl-C, so that all namespaces and processes are removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(sys.argv[1:]))
