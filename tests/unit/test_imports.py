"""A command imports only the packages that it needs, so that it starts quickly."""

import subprocess
import sys

import pytest

OUTSIDE = {"aiohttp", "numpy", "prometheus_client", "pyroute2", "pytun", "rich", "scapy", "uvloop"}
"""The dependencies of pyproject.toml."""

NOWHERE = "/nonexistent/vtep.sock"
"""A control socket at which no vtep listens."""

DATAGRAM = "08000000000064000242ac12000c0242ac12000b0806"


def imported(*argv: str) -> set[str]:
    """Return the packages from outside that `python argv` imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *argv], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    modules = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "argparse" in modules or argv[0] == "-c"
    return (modules - {"vtep"}) & (OUTSIDE | {"docker", "requests"})


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "check --tap vx0 --vni 100 --peer 10.0.1.41",
        f"show --socket {NOWHERE}",
        f"fdb show --socket {NOWHERE}",
        f"peer show --socket {NOWHERE}",
        f"monitor --socket {NOWHERE}",
        f"capture --socket {NOWHERE} -o -",
        "extcap --extcap-interfaces",
    ],
)
def test_a_query_needs_only_the_standard_library(command: str) -> None:
    assert imported("-m", "vtep", *command.split()) == set()


def test_decode_needs_only_numpy_when_it_has_no_terminal() -> None:
    assert imported("-m", "vtep", "decode", DATAGRAM) == {"numpy"}


def test_walk_reads_no_expression_without_one() -> None:
    assert not imported("-m", "vtep", "walk", "--brief") & {"scapy", "aiohttp", "pyroute2"}


def test_the_daemon_imports_nothing_that_only_people_need() -> None:
    running = "import vtep.daemon.process, vtep.control.service, vtep.control.application"
    assert not imported("-c", running) & {"docker", "requests", "rich", "scapy"}


def test_a_daemon_without_a_socket_has_no_web_server() -> None:
    running = "import vtep.daemon.process, vtep.control.service"
    assert imported("-c", running) == {"numpy", "pyroute2", "pytun", "uvloop"}


def test_the_complete_parser_needs_only_the_standard_library() -> None:
    """A wheel is built where the dependencies are not installed."""
    assert imported("-c", "import vtep.cli.parsers as p; p.full_parser()") == set()
