"""A host in a namespace, for tests of bring_up.

+------------- the host -------------+
|  br0          vx0                  |
|  u1 10.0.1.4/24, fd00:1::4/64 -----|--- u1p, a veth's other end
|  u2 10.0.2.4/24               -----|--- u2p
+------------------------------------+
"""

import os
import stat
from typing import Any

from tests.unit.namespaces import sh
from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.daemon.setup import bring_up
from vtep.errors import HostError
from vtep.host.netlink import Link, Netlink

NOBODY = 65534
PEER = "10.0.1.41"


def host() -> None:
    for dev, net in (("u1", 1), ("u2", 2)):
        sh(f"ip link add {dev} type veth peer name {dev}p")
        sh(f"ip address add 10.0.{net}.4/24 dev {dev}")
        sh(f"ip -6 address add fd00:{net}::4/64 dev {dev} nodad")
        for end in (dev, f"{dev}p"):
            sh(f"ip link set {end} up")
    sh("ip link add br0 type bridge")
    sh("ip link add c1 address f2:00:00:00:00:01 type veth peer name c1p")
    for dev in ("c1 master br0", "c1p", "br0"):
        sh(f"ip link set {dev} up")


def set_mtu(dev: str, mtu: int) -> None:
    for end in (dev, f"{dev}p"):
        sh(f"ip link set {end} mtu {mtu}")


def config(
    *peers: str, underlay: UnderlayConfig | None = None, vni: int = 100, **more: Any
) -> Config:
    overlay = OverlayConfig(vni=vni, tap="vx0", peers=peers or (PEER,), **more)
    return Config(underlay or UnderlayConfig(), (overlay,))


def become_nobody() -> None:
    """Give up every privilege of this (forked) process."""
    "peer".encode("idna")  # getaddrinfo loads this codec, whose file may be unreadable for nobody
    os.setresuid(NOBODY, NOBODY, NOBODY)


def link(name: str) -> Link | None:
    with Netlink() as net:
        return net.link(name)


def state() -> tuple[list[str], list[str]]:
    """Return all devices, and all routes except link-local ones, which appear with a delay."""
    with Netlink() as net:
        links = [repr(link) for link in net.links()]
    routes = sh("ip route show table all type unicast").splitlines()
    return links, [route for route in routes if not route.startswith("fe80:")]


def refusal(wanted: Config) -> str:
    """Return the error line for *wanted*; check that all changes were reverted."""
    before = state()
    try:
        with bring_up(wanted):
            pass
    except HostError as error:
        message = str(error)
    else:
        raise AssertionError("bring_up did not raise HostError")
    assert "\n" not in message
    assert state() == before
    port_is_free(wanted.underlay.port)
    return message


def port_is_free(port: int) -> None:
    """Check that no socket of this process is bound to *port*."""
    inodes = {os.stat(int(fd)).st_ino for fd in os.listdir("/proc/self/fd") if is_socket(int(fd))}
    with open("/proc/self/net/udp") as four, open("/proc/self/net/udp6") as six:
        lines = four.readlines()[1:] + six.readlines()[1:]
    for line in lines:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port:
            assert int(fields[9]) not in inodes, f"port {port} is still bound"


def is_socket(fd: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False
