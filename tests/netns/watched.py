"""Two hosts with a daemon that can be asked, and with what it takes to have something to see."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from vtep.lab import Container, Daemon, Process, TwoHosts, two_hosts

STRANGER = "10.0.1.99"
VLAN, TRUNK_VNI = 10, 1010
VTEP = [sys.executable, "-m", "vtep"]


class Site(NamedTuple):
    """Two hosts with a TAP vx0 and a trunk each; the daemon of h1 can be asked."""

    lab: TwoHosts
    daemon: Daemon
    trunk: Container
    peer: socket.socket
    stranger: socket.socket

    def command(self, *words: str) -> Process:
        """Start a command that asks the daemon."""
        return self.lab.h1.start([*VTEP, *words])


@contextmanager
def open_watched(folder: Path) -> Iterator[Site]:
    """Run vteps on both hosts, configured by files in *folder*."""
    with ExitStack() as stack:
        lab = stack.enter_context(two_hosts())
        lab.h2.ip("address", "add", f"{STRANGER}/24", "dev", lab.h2.device)
        daemons = []
        for host, other in ((lab.h1, lab.h2), (lab.h2, lab.h1)):
            host.bridge("br1")
            config = folder / f"{host.name}.toml"
            config.write_text(
                f'[[overlay]]\nvni = 100\ntap = "vx0"\nbridge = "br0"\n'
                f'peers = ["{other.address}"]\n'
                f'[[overlay]]\nvni = {TRUNK_VNI}\nvlan = {VLAN}\ntap = "trunk0"\nbridge = "br1"\n'
                f'peers = ["{other.address}"]\nageing = 0.5\n'
            )
            made = host.vtep("--config", str(config), control=host is lab.h1)
            daemons.append(stack.enter_context(made))
        trunk = lab.h1.container("t1", "br1", "172.19.0.11/16")
        sockets = [lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for one, address in zip(sockets, (lab.h2.address, STRANGER), strict=True):
            stack.callback(one.close)
            one.bind((address, 0))
        yield Site(lab, daemons[0], trunk, *sockets)


@contextmanager
def sending_frames(container: Container) -> Iterator[Callable[[bytes], int]]:
    """Give a function that sends a frame out of a container."""
    with container.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        yield raw.send
