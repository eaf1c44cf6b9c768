"""Kernel parameters, named as sysctl(8) does but with slashes, for a device may have dots in it."""

import os
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A parameter and the value it is to have."""

    key: str
    value: str

    def __str__(self) -> str:
        """Show it as sysctl(8) takes it."""
        return f"{self.key.replace('/', '.')}={self.value}"

    @property
    def current(self) -> str | None:
        """Its value now; None where the kernel does not know it."""
        try:
            return (_ROOT / self.key).read_text().strip()
        except OSError:
            return None

    @property
    def is_set(self) -> bool:
        """Tell whether it has the value."""
        return self.current == self.value

    def set(self) -> None:
        """Set it.

        Raises:
            OSError: not permitted, unknown, or /proc/sys is read-only, as in many containers.
        """
        fd = os.open(_ROOT / self.key, os.O_WRONLY)
        try:
            os.write(fd, self.value.encode())
        finally:
            os.close(fd)
