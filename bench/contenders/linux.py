"""The kernel's vxlan, and the bare underlay without a tunnel."""

from collections.abc import Iterator
from contextlib import contextmanager

from vtep.lab import TwoHosts

VNI = 100


@contextmanager
def kernel(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
    """Connect the hosts by a vxlan device at both ends."""
    lab.h1.kernel_vxlan("vx0", VNI, lab.h2.address, "br0")
    lab.h2.kernel_vxlan("vx0", VNI, lab.h1.address, "br0")
    yield ()


@contextmanager
def bare(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
    """Make the underlay's devices ports of the bridges, to measure the limit of the rig."""
    for host in (lab.h1, lab.h2):
        host.ip("address", "flush", "dev", host.device)
        host.ip("link", "set", host.device, "master", "br0")
    yield ()
