"""The two kinds of buffer that functions of this package take: to be read, and to be written in."""

from typing import TypeAlias

Readable: TypeAlias = bytes | bytearray | memoryview
Writable: TypeAlias = bytearray | memoryview
