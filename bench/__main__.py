"""`python -m bench`."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from bench.cli import main


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End on SIGTERM as on Ctrl-C: by unwinding, which removes all that was built."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(sys.argv[1:]))
