"""The base class of everything in the lab that has to be closed."""

from abc import ABC, abstractmethod
from typing import Self


class Resource(ABC):
    """A context manager that calls close() at the exit of its block."""

    @abstractmethod
    def close(self) -> None:
        """Release everything; calling it again is harmless."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it, whether or not the block raised."""
        self.close()
