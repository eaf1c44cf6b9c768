"""Start the tunnel at one host: the program under test, or the kernel's vxlan."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from tests.docker.segment import NETWORK, Site
from vtep.lab import GENEROUS_S, Daemon, Process
from vtep.lab.ready import start_ready

VNI = 100
DEVICE = "vx0"
TunnelKind = Literal["userspace", "kernel"]


def command(peer: Site, network: str = NETWORK) -> list[str]:
    """Return the tutorial's command with the other host's address."""
    return [
        *(sys.executable, "-m", "vtep", "--tap", DEVICE, "--vni", str(VNI)),
        *("--peer", peer.engine.address, "--docker-network", network),
    ]


def userspace(site: Site, peer: Site) -> Daemon:
    """Start the program on the site's host and return it once it is ready."""

    def start(ready_fd: int) -> Process:
        argv = [*command(peer), "--ready-fd", str(ready_fd)]
        return Process(site.engine.inside(*argv), pass_fds=[ready_fd])

    process, _ = start_ready(start, timeout=GENEROUS_S)
    return Daemon(process)


@contextmanager
def kernel(site: Site, peer: Site) -> Iterator[None]:
    """Attach a kernel vxlan device with the same parameters to the site's bridge."""
    host = site.engine
    remote = ("remote", peer.engine.address, "dstport", "4789", "dev", "eth0")
    host.run("ip", "link", "add", DEVICE, "type", "vxlan", "id", str(VNI), *remote)
    try:
        host.run("ip", "link", "set", DEVICE, "master", site.bridge, "up")
        yield
    finally:
        host.run("ip", "link", "delete", DEVICE)


def tunnel(kind: TunnelKind, site: Site, peer: Site) -> AbstractContextManager[object]:
    """Return a context manager that runs the site's end of the tunnel."""
    return kernel(site, peer) if kind == "kernel" else userspace(site, peer)
