"""vtep with its default options and with others, another checkout of vtep, and a plain loop."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.contenders.contender import Join
from bench.contenders.linux import VNI
from vtep.lab import Daemon, Host, LabError, Process, TwoHosts
from vtep.lab.ready import start_ready


def vtep(*options: str) -> Join:
    """Return a contender's join for vtep with *options* at each end."""

    @contextmanager
    def join(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
        usual = ["--tap", "vx0", "--vni", str(VNI), "--bridge", "br0", *options, "--peer"]
        with (
            lab.h1.vtep(*usual, lab.h2.address) as one,
            lab.h2.vtep(*usual, lab.h1.address) as other,
        ):
            for end in (one, other):
                _refuse_fallback(end, options)
            yield one.pid, other.pid
            for end in (one, other):
                _refuse_fallback(end, options)

    return join


def checkout(folder: Path) -> Join:
    """Return a contender's join for the vtep in *folder*, run with the same interpreter.

    Its command line needs --ready-fd, --log-format and --control, in addition to those of vtep().
    """

    def start(host: Host, peer: Host) -> Daemon:
        where = ["--tap", "vx0", "--vni", str(VNI), "--bridge", "br0", "--peer", peer.address]
        quiet = ["--log-format", "json", "--control", "none"]
        program = ["env", f"--chdir={folder}", sys.executable, "-m", "vtep"]

        def ready(fd: int) -> Process:
            return host.start(
                [*program, "--ready-fd", str(fd), *quiet, *where],
                pass_fds=[fd],
                variables={"PYTHONPATH": str(folder)},
            )

        return Daemon(start_ready(ready, timeout=15.0)[0])

    @contextmanager
    def join(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
        with start(lab.h1, lab.h2) as one, start(lab.h2, lab.h1) as other:
            yield one.pid, other.pid

    return join


def _refuse_fallback(end: Daemon, options: tuple[str, ...]) -> None:
    """Raise LabError if the inject uplink was requested but is not, or no longer, in use."""
    if "inject" in options:
        for record in end.log:
            if str(record["message"]).startswith("uplink socket"):
                raise LabError(str(record["message"]))


@contextmanager
def plain_loop(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
    """Connect the hosts by bench/plain_loop.py at each end."""
    with _loop(lab.h1, lab.h2) as one, _loop(lab.h2, lab.h1) as other:
        yield one.pid, other.pid


def _loop(host: Host, peer: Host) -> Process:
    def start(fd: int) -> Process:
        arguments = ["vx0", str(VNI), host.address, peer.address, str(fd)]
        return host.start_module("bench.plain_loop", *arguments, pass_fds=[fd])

    process, _ = start_ready(start, timeout=10.0)
    plug_tap(host)
    return process


def plug_tap(host: Host) -> None:
    """Make the TAP vx0 a port of br0, with the MTU and the queue length that vtep sets.

    The MTU of the TAP is that of the containers, so all contenders carry the same inner packets.
    """
    mtu = host.containers[0].link("eth0")["mtu"]
    host.ip("link", "set", "vx0", "mtu", str(mtu), "txqueuelen", "1000", "master", "br0", "up")
