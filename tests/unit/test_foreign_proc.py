"""A daemon and its commands where /proc belongs to another PID namespace (nsenter without -p)."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.unit.namespaces import in_private_namespaces, sh
from vtep.host.linux import own_netns

VTEP = [sys.executable, "-m", "vtep"]


def with_foreign_proc() -> None:
    """Mount the /proc of a PID namespace in which this process does not exist."""
    sh("unshare --pid --fork mount -t proc proc /proc")
    assert not os.path.exists("/proc/self/ns")


@contextmanager
def daemon(directory: Path) -> Iterator[None]:
    """Run a vtep whose control socket is in the default directory."""
    sh("ip link add v0 type veth peer name v1")
    sh("ip address add 10.0.1.4/24 dev v0")
    sh("ip link set v0 up")
    sh(f"mount -t tmpfs tmpfs {directory}")
    words = ["--tap", "vx0", "--vni", "100", "--peer", "10.0.1.41"]
    with subprocess.Popen([*VTEP, *words], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            assert is_ready(process.stderr)
            yield
        finally:
            process.terminate()


def is_ready(log: IO[str]) -> bool:
    return any(line == "INFO ready\n" for line in log)


@in_private_namespaces
def test_commands_find_the_daemon_of_their_network_namespace() -> None:
    with_foreign_proc()
    with daemon(Path("/run")):
        about = json.loads(sh(" ".join([*VTEP, "show", "-j"])))
        assert about[0]["ifname"] == "vx0"
        asked = sh("curl -s --unix-socket /run/vtep/vx0.sock http://vtep/v1")
        assert json.loads(asked)["netns"] == own_netns() is not None


@in_private_namespaces
def test_the_namespace_is_the_same_with_and_without_proc() -> None:
    before = own_netns()
    assert before == os.stat("/proc/self/ns/net").st_ino
    with_foreign_proc()
    assert own_netns() == before
    with socket.socket() as sock:  # no descriptor is left open
        lowest = sock.fileno()
    own_netns()
    with socket.socket() as sock:
        assert sock.fileno() == lowest


@in_private_namespaces
def test_an_unprivileged_process_does_not_learn_the_namespace() -> None:
    with_foreign_proc()
    os.setuid(65534)
    assert own_netns() is None
