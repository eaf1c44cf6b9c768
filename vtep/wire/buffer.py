"""The two kinds of buffer that functions of this package take: read-only and writable."""

from typing import TypeAlias

Readable: TypeAlias = bytes | bytearray | memoryview
Writable: TypeAlias = bytearray | memoryview
