"""The VTEP command between two hosts of the lab, as every test here starts it."""

import sys

from vtep.lab import Daemon, Host


def options(peer: Host) -> list[str]:
    return ["--tap", "vx0", "--vni", "100", "--peer", peer.address, "--bridge", "br0"]


def join(peer: Host) -> list[str]:
    """Return the whole command that joins br0 to *peer*."""
    return [sys.executable, "-m", "vtep", *options(peer)]


def tunnel(host: Host, peer: Host, *more: str) -> Daemon:
    """Start the VTEP that joins br0 of *host* to *peer*; ready when this returns."""
    return host.vtep(*options(peer), *more)
