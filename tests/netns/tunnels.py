"""Start the usual VTEP between two hosts of the lab."""

import sys

from vtep.lab import Daemon, Host


def options(peer: Host) -> list[str]:
    return ["--tap", "vx0", "--vni", "100", "--peer", peer.address, "--bridge", "br0"]


def join(peer: Host) -> list[str]:
    """Return the complete command that connects br0 to *peer*."""
    return [sys.executable, "-m", "vtep", *options(peer)]


def tunnel(host: Host, peer: Host, *more: str) -> Daemon:
    """Start the VTEP that connects br0 of *host* to *peer*, and wait until it is ready."""
    return host.vtep(*options(peer), *more)
