"""Which package of vtep/ may import which, and that no module imports itself through others.

The arrows are those of docs/design.md, read off the source. A package may import packages above it
in LAYERS only if its own row names them. All imports count: those inside functions and those for
annotations too. A new package fails here until it has a row.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "vtep"


class Layer(NamedTuple):
    """What a package may import: `ours` are packages, `others` come from outside."""

    ours: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    pure: bool = False


def _layer(ours: str = "", others: str = "", *, pure: bool = False) -> Layer:
    return Layer(frozenset(ours.split()), frozenset(others.split()), pure)


DAEMON = "errors log wire offload dataplane trace host config daemon"
OFFLINE = "dissect pcap decode walk"

LAYERS = {
    "__init__": _layer(),
    "errors": _layer(pure=True),
    "bounded_cache": _layer(pure=True),
    "log": _layer(),
    # bytes and decisions: no I/O, no clock
    "wire": _layer(others="numpy", pure=True),
    "offload": _layer("bounded_cache wire", "numpy", pure=True),
    "dataplane": _layer("wire offload", pure=True),
    # for people, from bytes
    "dissect": _layer("wire", pure=True),
    "pcap": _layer(),
    # the Linux host, the configuration, the process
    "host": _layer("errors", "pytun pyroute2"),
    "config": _layer("errors wire"),
    "trace": _layer("wire offload dataplane host pcap"),
    "daemon": _layer(DAEMON, "uvloop"),
    # offline commands
    "decode": _layer("errors wire offload dataplane config dissect pcap trace", "rich"),
    "walk": _layer("errors wire offload dataplane config dissect pcap trace decode", "rich scapy"),
    # around the daemon
    "control": _layer(f"{DAEMON} {OFFLINE}", "aiohttp prometheus_client"),
    "lab": _layer("dissect pcap control", "rich pytun"),
    "cli": _layer(f"{DAEMON} {OFFLINE} control lab", "rich"),
    "__main__": _layer("cli"),
}
"""From bottom to top."""

IMPURE = frozenset({"asyncio", "fcntl", "logging", "os", "select", "selectors", "signal", "socket"})
IMPURE |= {"subprocess", "threading", "time"}

AT_ONCE = ("__init__", "__main__", "errors", "config", "cli", "control.client", "control.query")
"""Commands that only query or check start with these: they import only the standard library when
they are imported themselves."""
WITH_RICH = ("cli.commands.top", "cli.commands.top_screen")
"""The exceptions: imported by the one command that draws."""


class Import(NamedTuple):
    """One imported name: `lazy` if inside a function."""

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
    if own not in LAYERS:
        return [f"vtep.{own} is a new package: give it a row in LAYERS of {Path(__file__).name}"]
    layer = LAYERS[own]
    starts_at_once = module not in WITH_RICH and any(
        module == one or module.startswith(f"{one}.") for one in AT_ONCE
    )
    found = []
    for line, name, lazy in imports(source, module):
        top, _, rest = name.partition(".")
        if top == "vtep":
            target = rest.partition(".")[0]
            allowed = target in layer.ours | {own} or target.startswith("__version")
        elif top in sys.stdlib_module_names:
            allowed = not (layer.pure and top in IMPURE)
        else:
            allowed = top in layer.others and (lazy or not starts_at_once)
        if not allowed:
            found.append(f"line {line}: vtep.{module} must not import {name}")
    return found


def module_name(path: Path) -> str:
    """Return the name in vtep/ of a file: "wire.ip", "wire.__init__", "__main__"."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


SOURCES = {module_name(path): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


def module_graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the modules that each module imports; a package stands for its __init__ module."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        targets = graph.setdefault(module, set())
        for _, name, _ in imports(source, module):
            path = name.removeprefix("vtep.")
            for candidate in (path, f"{path}.__init__", path.rpartition(".")[0]):
                if name.startswith("vtep.") and candidate in sources:
                    targets.add(candidate)
                    break
            else:
                package = f"{path.rpartition('.')[0]}.__init__"
                if name.startswith("vtep.") and package in sources:
                    targets.add(package)
        targets.discard(module)
    return graph


def cycle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of an import cycle, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_what_its_layer_allows(module: str) -> None:
    assert violations(SOURCES[module], module) == []


def test_a_layer_imports_only_layers_below() -> None:
    below: set[str] = set()
    for name, layer in LAYERS.items():
        assert layer.ours - {name} <= below, name
        below.add(name)


def test_no_module_imports_itself_through_others() -> None:
    assert cycle_in(module_graph(SOURCES)) == []


def test_the_data_path_does_not_import_what_surrounds_the_daemon() -> None:
    for name in DAEMON.split():
        assert not LAYERS[name].ours & {"control", "lab", "walk", "decode", "cli"}, name


def test_a_cycle_of_modules_is_found_inside_a_package() -> None:
    sources = {
        "wire.a": "from vtep.wire import b",
        "wire.b": "def f():\n    from vtep.wire.c import g",
        "wire.c": "from .a import h",
        "wire.__init__": "",
    }
    assert set(cycle_in(module_graph(sources))) == {"wire.a", "wire.b", "wire.c"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("wire.ip", "import socket"),
        ("wire.ip", "from vtep.dataplane.vtep import Vtep"),
        ("wire.ip", "import scapy.all"),
        ("wire.ip", "from ..host import linux"),
        ("wire.__init__", "from ..dataplane.fdb import Fdb"),
        ("offload.segment", "import vtep.host.tap"),
        ("offload.segment", "from ..dataplane import mss"),
        ("host.tap", "from vtep.wire import virtio"),
        ("host.tap", "import numpy"),
        ("dataplane.fdb", "from time import monotonic"),
        ("dataplane.fdb", "import os.path"),
        ("dataplane.fdb", "def f():\n    import logging"),
        ("dataplane.vtep", "import fcntl"),
        ("dataplane.vtep", "from vtep import daemon"),
        ("dataplane.vtep", "from ..host.tap import Tap"),
        ("dataplane.vtep", "if TYPE_CHECKING:\n    import vtep.host"),
        ("config.model", "from vtep.host.linux import ifindex"),
        ("config.model", "def f():\n    from vtep.daemon.process import run"),
        ("config.model", "import numpy"),
        ("cli.main", "import rich"),
        ("cli.main", "import uvloop"),
        ("control.client.client", "import aiohttp"),
        ("daemon.process", "from vtep.lab import Lab"),
        ("daemon.process", "async def f():\n    from vtep.walk import show"),
        ("daemon.process", "import vtep.cli.main"),
        ("lab.host", "from vtep.daemon.process import run"),
        ("brandnew", ""),
    ],
)  # fmt: skip
def test_an_import_against_the_arrows_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("wire.ip", "import struct\nimport numpy as np\nfrom . import ethernet"),
        ("offload.segment", "from vtep.wire.ip import Headers\nfrom ..wire import virtio"),
        ("host.tap", "import os, fcntl\nimport pytun\nfrom vtep.errors import HostError"),
        ("dataplane.decap", "from vtep.dataplane import fdb, mss\nimport errno"),
        ("config.model", "from vtep.wire.vxlan import PORT\nimport os"),
        ("cli.main", "from vtep import __version__\ndef f():\n    import rich"),
        ("daemon.process", "import uvloop, time\nfrom vtep.host import tap"),
        ("lab.host", "from vtep.pcap import pcap\nimport subprocess"),
        ("__main__", "from vtep.cli.main import main"),
    ],
)
def test_an_import_along_the_arrows_is_fine(module: str, source: str) -> None:
    assert violations(source, module) == []
