"""Read and write kernel parameters.

Keys are those of sysctl(8), but with slashes, because the name of a device may contain dots.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel parameter and its desired value."""

    key: str
    value: str

    def __str__(self) -> str:
        """Return KEY=VALUE, in the syntax of sysctl(8)."""
        return f"{self.key.replace('/', '.')}={self.value}"

    @property
    def current(self) -> str | None:
        """The current value, or None if the kernel does not have the parameter."""
        try:
            return (_ROOT / self.key).read_text().strip()
        except OSError:
            return None

    @property
    def is_set(self) -> bool:
        """Tell whether the parameter has the desired value."""
        return self.current == self.value

    def set(self) -> None:
        """Set the parameter to the desired value.

        Raises:
            OSError: not permitted, unknown parameter, or read-only /proc/sys (in many containers).
        """
        fd = os.open(_ROOT / self.key, os.O_WRONLY)
        try:
            os.write(fd, self.value.encode())
        finally:
            os.close(fd)
