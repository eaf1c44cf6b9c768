"""Which room of vtep/ may import what: the arrows of docs/design.md, read off the source.

A room is a module or a package right below vtep/. All imports count, also those inside functions
and those for annotations only. A new room fails here until it has a row of its own.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "vtep"


class Room(NamedTuple):
    """What a room may import: `ours` are rooms, `others` packages beyond the standard library."""

    ours: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    pure: bool = False


def _room(ours: str = "", others: str = "", *, pure: bool = False) -> Room:
    return Room(frozenset(ours.split()), frozenset(others.split()), pure)


BELOW = (
    "addressing admission bringup capfile config counters decapsulate dissect encapsulate endpoint"
    " fdb forwarder host inbox log mtu neighbors observe offload options outbox outflow overlay"
    " report uplink wire"
)
"""What stands below the rooms beside the daemon, which are imported by none of these."""

ROOMS = {
    # bytes
    "wire": _room(others="numpy", pure=True),
    "offload": _room("wire", "numpy", pure=True),
    # decisions
    "counters": _room("wire offload", "numpy", pure=True),
    "fdb": _room("counters wire offload", "numpy", pure=True),
    "neighbors": _room("counters wire offload", "numpy", pure=True),
    "mtu": _room("counters wire offload", "numpy", pure=True),
    "overlay": _room("counters fdb wire", pure=True),
    "outbox": _room("counters fdb offload overlay wire", pure=True),
    "inbox": _room("offload wire", pure=True),
    "outflow": _room("counters offload outbox overlay wire", pure=True),
    "encapsulate": _room("counters fdb mtu offload outbox outflow overlay wire", pure=True),
    "admission": _room("counters fdb offload overlay wire", pure=True),
    "decapsulate": _room(
        "admission counters fdb inbox mtu neighbors offload overlay wire", pure=True
    ),
    "endpoint": _room("decapsulate encapsulate fdb overlay wire", pure=True),
    "report": _room("counters endpoint fdb overlay wire"),
    "observe": _room(
        "counters decapsulate endpoint fdb inbox offload outbox overlay wire", pure=True
    ),
    # for people
    "dissect": _room("wire", pure=True),
    "capfile": _room(),
    # the host kernel
    "host": _room(others="pytun pyroute2 docker"),
    # the process
    "options": _room(),
    "arguments": _room("config"),
    "config": _room("options wire"),
    "sources": _room("config options"),
    "log": _room(),
    "addressing": _room("config host"),
    "uplink": _room("addressing config fdb host log offload wire"),
    "bringup": _room("addressing config endpoint host log overlay uplink"),
    "forwarder": _room(
        "bringup decapsulate fdb host inbox log observe offload outbox overlay uplink wire"
    ),
    "daemon": _room("bringup config counters forwarder host log report", "uvloop"),
    # beside the daemon
    "walk": _room(f"{BELOW} arguments walk", "numpy rich scapy"),
    "control": _room(f"{BELOW} arguments control walk", "aiohttp prometheus_client rich uvloop"),
    "lab": _room(f"{BELOW} control walk", "numpy rich scapy pyroute2 pytun"),
    # at the top
    "commands": _room("control walk"),
    "cli": _room("arguments commands config options sources daemon host control lab walk"),
    "__main__": _room("cli"),
    "__init__": _room(),
}
IMPURE = frozenset({"asyncio", "fcntl", "logging", "os", "select", "selectors", "signal", "socket"})
IMPURE |= {"subprocess", "threading", "time"}
AT_ONCE = ("arguments", "cli", "commands", "config", "options", "sources", "__main__", "__init__")
"""Rooms of commands that only ask or check: at their top level nothing but the standard library."""


class Import(NamedTuple):
    """One imported name: `lazy` if inside a function, else when the module is."""

    line: int
    name: str
    lazy: bool


def imports(source: str, module: str) -> Iterator[Import]:
    """Yield what `source` imports, dotted and absolute; `module` is its own name in vtep/."""
    tree = ast.parse(source)
    lazy = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    here = ["vtep", *module.split(".")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, node in lazy)
        elif isinstance(node, ast.ImportFrom):
            origin = [node.module] if node.module else []
            if node.level:
                origin = here[: len(here) - node.level] + origin
            for alias in node.names:
                yield Import(node.lineno, ".".join([*origin, alias.name]), node in lazy)


def violations(source: str, module: str) -> list[str]:
    """Return what `source`, the module of this name in vtep/, imports against the arrows."""
    own = module.partition(".")[0]
    if own not in ROOMS:
        return [f"vtep.{own} is a new room: give it a row in ROOMS of {Path(__file__).name}"]
    room = ROOMS[own]
    found = []
    for line, name, lazy in imports(source, module):
        top, _, rest = name.partition(".")
        if top == "vtep":
            target = rest.partition(".")[0]
            allowed = target in room.ours | {own} or target.startswith("__version")
        elif top in sys.stdlib_module_names:
            allowed = not (room.pure and top in IMPURE)
        else:
            allowed = top in room.others and (lazy or own not in AT_ONCE)
        if not allowed:
            found.append(f"line {line}: vtep.{module} must not import {name}")
    return found


def module_name(path: Path) -> str:
    """Return the name in vtep/ of a file: "fdb", "wire.ip", "wire.__init__", "__main__"."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_name)
def test_arrows_point_down(path: Path) -> None:
    assert violations(path.read_text(), module_name(path)) == []


def test_the_arrows_have_no_circle() -> None:
    left = {name: room.ours - {name} for name, room in ROOMS.items()}
    while left:
        grounded = {name for name, above in left.items() if not above & left.keys()}
        assert grounded, f"a circle in {sorted(left)}"
        left = {name: above for name, above in left.items() if name not in grounded}


def test_the_data_path_does_not_know_what_stands_beside_it() -> None:
    beside = {"control", "lab", "walk"}
    for name in {*BELOW.split(), "daemon"}:
        assert not ROOMS[name].ours & beside, name


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("wire.ip", "import socket"),
        ("wire.ip", "from vtep.endpoint import Vtep"),
        ("wire.ip", "import scapy.all"),
        ("wire.ip", "from ..host import linux"),
        ("wire.__init__", "from ..fdb import Fdb"),
        ("offload.segment", "import vtep.host.tap"),
        ("offload.segment", "from .. import mtu"),
        ("host.tap", "from vtep.wire import virtio"),
        ("host.tap", "import numpy"),
        ("fdb", "from time import monotonic"),
        ("fdb", "import os.path"),
        ("fdb", "def f():\n    import logging"),
        ("fdb", "if True:\n    from . import endpoint"),
        ("counters", "from vtep.endpoint import Overlay"),
        ("mtu", "import asyncio"),
        ("mtu", "import select"),
        ("endpoint", "import fcntl"),
        ("endpoint", "from vtep import daemon"),
        ("endpoint", "from .host.tap import Tap"),
        ("endpoint", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import vtep.host"),
        ("config", "from vtep.host.linux import HostError"),
        ("config", "def f():\n    from vtep.daemon import run"),
        ("config", "import numpy"),
        ("cli", "def f():\n    from vtep.endpoint import Vtep"),
        ("cli", "import uvloop"),
        ("daemon", "from vtep.lab import Lab"),
        ("daemon", "async def f():\n    from vtep.walk import show"),
        ("daemon", "import vtep.cli"),
        ("lab.host", "from vtep.daemon import run"),
        ("brandnew", ""),
    ],
)
def test_an_import_against_the_arrows_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("wire.ip", "import struct\nimport numpy as np\nfrom . import ethernet"),
        ("offload.segment", "from vtep.wire.ip import Headers\nfrom ..wire import virtio"),
        ("host.tap", "import os, fcntl\nimport pytun\nfrom vtep.host.linux import HostError"),
        ("decapsulate", "from vtep import fdb, mtu\nfrom vtep.wire import ip\nimport errno"),
        ("config", "from vtep.wire.vxlan import PORT\nimport os"),
        ("cli", "from vtep import __version__\ndef f():\n    from vtep.daemon import run"),
        ("daemon", "import uvloop, time\nfrom vtep.host import tap"),
        ("lab.host", "from vtep.host.netlink import Netlink\nimport subprocess"),
        ("__main__", "from vtep.cli import main"),
    ],
)
def test_an_import_along_the_arrows_is_fine(module: str, source: str) -> None:
    assert violations(source, module) == []
