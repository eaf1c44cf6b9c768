"""A host: a namespace on the underlay, with bridges, containers and tunnel endpoints."""

import contextlib
import ipaddress
from collections.abc import Sequence

from vtep.lab.daemon import Daemon
from vtep.lab.netns import Netns, address_arguments
from vtep.lab.wait import GENEROUS_S

VXLAN_PORT = 4789
CONTAINER_MTU = 1450


class Container(Netns):
    """A namespace with one device, eth0, that is connected to a bridge of its host."""

    def __init__(self, name: str, addresses: Sequence[str]) -> None:
        super().__init__(name)
        self.addresses = tuple(str(ipaddress.ip_interface(a).ip) for a in addresses)

    @property
    def address(self) -> str:
        """The first address, without prefix length."""
        return self.addresses[0]


class Host(Netns):
    """A machine on the underlay.

    `device` and `address` are those on the underlay, set when a Lab connects the host. Devices on
    the access side have the usual names: br0, vx0, and v-c1 for the host's end of container c1.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.device = ""
        self.address = ""
        self.containers: list[Container] = []

    def bridge(self, name: str, address: str | None = None) -> str:
        """Create a bridge without forwarding delay and without IGMP snooping; return its name."""
        self.ip(
            *["link", "add", name, "type", "bridge", "stp_state", "0", "forward_delay", "0"],
            *["mcast_snooping", "0"],
        )
        if address:
            self.ip(*address_arguments(name, address))
        self.ip("link", "set", name, "up")
        return name

    def container(
        self,
        name: str,
        bridge: str,
        *addresses: str,
        mtu: int = CONTAINER_MTU,
        mac: str | None = None,
    ) -> Container:
        """Create a container on `bridge`; `addresses` have a prefix length, IPv4 or IPv6."""
        if not addresses:
            raise ValueError(f"container {name} needs at least one address")
        made = Container(name, addresses)
        self.containers.append(made)
        port = f"v-{name}"
        peer = ["peer", "name", "eth0", "mtu", str(mtu), "netns", name]
        self.ip("link", "add", port, "mtu", str(mtu), "type", "veth", *peer)
        if mac:
            made.ip("link", "set", "eth0", "address", mac)
        self.ip("link", "set", port, "master", bridge, "up")
        made.link_up("eth0", *addresses)
        return made

    def kernel_vxlan(
        self,
        name: str,
        vni: int,
        remote: str | Sequence[str],
        bridge: str,
        *,
        local: str | None = None,
        port: int = VXLAN_PORT,
        tx_offload: bool = True,
    ) -> str:
        """Create a kernel vxlan device as a port of `bridge`, and return its name.

        `remote` is one peer or several (a flood list). With `tx_offload=False` it sends finished,
        segmented datagrams to the veth underlay, as on a real wire; otherwise it sends GSO frames
        with partial checksums. See ip-link(8), "VXLAN Type Support".
        """
        remotes = [remote] if isinstance(remote, str) else list(remote)
        self.ip(
            *["link", "add", name, "type", "vxlan", "id", str(vni), "dstport", str(port)],
            *["local", local or self.address, "dev", self.device],
        )
        for peer in remotes:
            self.bridge_command(
                *["fdb", "append", "00:00:00:00:00:00", "dev", name, "dst", peer, "self"]
            )
        if not tx_offload:
            self.offload(name, "tx", "off")
        self.ip("link", "set", name, "master", bridge, "up")
        return name

    def vtep(
        self,
        *arguments: str,
        timeout: float = GENEROUS_S,
        control: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> Daemon:
        """Start `python -m vtep ARGUMENTS` here and return it when it is ready.

        With `control` it has its usual control socket, which takes 0.15 s more. The process
        inherits `pass_fds`.

        Raises:
            LabError: it ended, or is not ready after `timeout` seconds; the text has its output.
        """
        return Daemon.start(self, arguments, timeout, control=control, pass_fds=pass_fds)

    def close(self) -> None:
        """End all processes of the host and its containers, and delete their namespaces."""
        with contextlib.ExitStack() as stack:
            stack.callback(super().close)
            for container in self.containers:
                stack.callback(container.close)
