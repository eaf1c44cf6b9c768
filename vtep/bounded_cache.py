"""A dict with a bound, for values that are cheap to make again."""

from collections.abc import Hashable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(dict[Key, Value]):
    """A dict whose `put` evicts the oldest entry when the bound is reached.

    Args:
        max_entries: at least 1.
    """

    def __init__(self, max_entries: int) -> None:
        super().__init__()
        self._max_entries = max_entries

    def put(self, key: Key, value: Value) -> Value:
        """Add a key that is not present, and return its value."""
        if len(self) >= self._max_entries:
            del self[next(iter(self))]
        self[key] = value
        return value
