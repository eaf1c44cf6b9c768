"""Find the bridge that a TAP becomes a port of, and compare the MTUs of its ports."""

from collections.abc import Callable
from typing import NamedTuple

from vtep.config.model import OverlayConfig
from vtep.errors import HostError
from vtep.host.docker import MTU_OPTION, DockerNetwork
from vtep.host.netlink import Link, Netlink


class Bridge(NamedTuple):
    """A bridge for a TAP.

    Attributes:
        link: the bridge.
        docker: whether it belongs to a Docker network.
        widest: largest MTU of its ports except the TAP, and of the Docker network's containers; 0
            if there are none.
    """

    link: Link
    docker: bool
    widest: int


def find_bridge(
    overlay: OverlayConfig, net: Netlink, network_of: Callable[[str], DockerNetwork]
) -> Bridge | None:
    """Return the bridge for the TAP of *overlay*; None without one.

    Args:
        overlay: names the bridge, or a Docker network.
        net: queries devices.
        network_of: finds a Docker network.

    Raises:
        HostError: it does not exist, or is not a bridge.
    """
    network = None
    if overlay.docker_network is not None:
        network = network_of(overlay.docker_network)
        name = network.bridge
        link = net.link(name)
        if link is None:
            raise HostError(
                f"Docker network {overlay.docker_network}: its bridge {name} does not exist here; "
                "run vtep in the network namespace of dockerd"
            )
    elif overlay.bridge is not None:
        name = overlay.bridge
        link = net.link(name)
        if link is None:
            known = sorted(link.name for link in net.links() if link.kind == "bridge")
            raise HostError(
                f"bridge {name}: does not exist; create it (ip link add {name} type bridge)"
                + (f", or use {' or '.join(known)}" if known else "")
            )
    else:
        return None
    if link.kind != "bridge":
        raise HostError(f"bridge {name}: not a bridge; give the name of a bridge")
    ports = [
        port.mtu for port in net.links() if port.master == link.index and port.name != overlay.tap
    ]
    return Bridge(link, network is not None, max([*ports, network.mtu if network else 0]))


def mtu_warning(bridge: Bridge, tap: str, mtu: int, clamp_mss: bool) -> str | None:
    """Return a warning if hosts on the bridge send packets that the tunnel cannot carry.

    The kernel does not forward a frame to a bridge port with a smaller MTU, and reports no error
    (net/bridge/br_forward.c, br_dev_queue_push_xmit).

    Args:
        bridge: the bridge.
        tap: name of the TAP.
        mtu: MTU of the TAP in octets.
        clamp_mss: whether the MSS of TCP is lowered to fit.
    """
    if bridge.widest <= mtu:
        return None
    kept = "not TCP, whose MSS vtep lowers" if clamp_mss else "TCP too, without --clamp-mss"
    remedy = (
        f"create the network with -o {MTU_OPTION}={mtu}"
        if bridge.docker
        else f"give its ports and their hosts an MTU of {mtu}"
    )
    return (
        f"bridge {bridge.link.name}: ports have MTU {bridge.widest}, {tap} {mtu}, so packets of "
        f"{mtu + 1} to {bridge.widest} bytes can get lost ({kept}); {remedy}"
    )
