"""Samples of stacks, grouped by activity and by function. No I/O.

The "raw" format of py-spy with --native has one line for each stack, outermost frame first:
"main (vtep/cli/main.py:52);run (vtep/daemon/process.py:56);...;sendmsg (libc.so.6) 221".
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

IDLE = "idle"

_PYTHON_FRAME = re.compile(r"^(?P<name>.+) \((?P<file>[^()]*\.py|<[^>]*>)(:\d+)?\)$")
_WAITS = re.compile(r"^(epoll_p?wait2?|poll|ppoll|select) ")
_CALLS = re.compile(
    r"^(?:__libc_|__)?(sendm?msg|sendto|send|recvm?msg|recvfrom|recv|p?readv?|p?writev?)"
)
_DIRECTION = re.compile(r"/(encap|decap)\w*\.py:")


class Sample(NamedTuple):
    """A stack, outermost frame first, and the number of its samples."""

    frames: tuple[str, ...]
    seen: int


def parse(raw: str) -> list[Sample]:
    """Read py-spy's raw format."""
    samples = []
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        if stack:
            samples.append(Sample(tuple(stack.split(";")), int(count)))
    return samples


def function(frame: str) -> str | None:
    """Return "name (file)" of a Python frame; None for a native frame."""
    found = _PYTHON_FRAME.match(frame)
    return f"{found['name']} ({found['file']})" if found else None


def group(frames: tuple[str, ...]) -> str:
    """Return the activity of a stack: idle, a system call, numpy or interpreter by direction."""
    leaf = frames[-1]
    if _WAITS.match(leaf):
        return IDLE
    call = _CALLS.match(leaf)
    if call and "libc" in leaf:
        return f"system call {call[1]}"
    found = next((found for one in frames if (found := _DIRECTION.search(one))), None)
    direction = f"{found[1]}sulate" if found else "elsewhere"
    for one in reversed(frames):
        if "numpy/" in one:
            return f"{direction}: numpy"
        if function(one):
            break
    return f"{direction}: interpreter"


def groups(samples: Iterable[Sample]) -> Counter[str]:
    """Count samples by group()."""
    counted: Counter[str] = Counter()
    for sample in samples:
        counted[group(sample.frames)] += sample.seen
    return counted


class Share(NamedTuple):
    """Samples of a function: its own, including native code it called, and with its callees."""

    function: str
    own: int
    inclusive: int


def functions(samples: Iterable[Sample]) -> list[Share]:
    """Return the Python functions without idle time, in descending order of own samples."""
    own: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    for frames, count in samples:
        if group(frames) == IDLE:
            continue
        names = [name for one in frames if (name := function(one))]
        if names:
            own[names[-1]] += count
        for name in set(names):
            inclusive[name] += count
    shares = [Share(name, own[name], count) for name, count in inclusive.items()]
    return sorted(shares, key=lambda one: (-one.own, -one.inclusive))
