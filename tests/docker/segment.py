"""Create the same Docker network on both hosts, with one container on each."""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker.models.containers import Container
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

from tests.docker import image
from tests.docker.engines import Engine, socket_in
from vtep.lab import wait_until
from vtep.lab.command import execute
from vtep.lab.process import tied_to_parent

NETWORK = "vxlan-net"
GATEWAY = "172.18.0.1"
PING_HEADERS = 28
"""Octets of the IPv4 and ICMP headers of an echo request."""


@dataclass(frozen=True, slots=True)
class Site:
    """One host's end of the segment.

    Attributes:
        engine: the host and its Docker engine.
        bridge: the bridge that Docker created for the network.
        container: the container on the bridge.
        address: the container's address.
    """

    engine: Engine
    bridge: str
    container: Container
    address: str

    def ping(self, address: str) -> bool:
        """Tell whether one echo request of the container is answered within a second."""
        return self.container.exec_run(["ping", "-c", "1", "-W", "1", address]).exit_code == 0

    def reach(self, address: str) -> None:
        """Ping until there is a reply: an earlier failed ARP entry must expire first."""
        wait_until(lambda: self.ping(address), what=f"a ping reply from {address}")

    def inside(self, *command: str) -> str:
        """Return what a command prints in the container, on success or not."""
        output = self.container.exec_run(list(command)).output
        assert isinstance(output, bytes)
        return output.decode()

    def mtu(self) -> int:
        """Return the MTU of the container's own interface."""
        return int(self.inside("cat", "/sys/class/net/eth0/mtu"))

    def mac(self) -> str:
        """Return the MAC address of the container's own interface."""
        return self.inside("cat", "/sys/class/net/eth0/address").strip()

    def owners(self, address: str) -> set[str]:
        """Return the MACs in the answers to an ARP request of the container for `address`."""
        printed = self.inside("arping", "-c", "1", "-w", "1", "-I", "eth0", address)
        return set(re.findall(r"reply from .*\[([0-9a-f:]{17})\]", printed))

    def namespace(self) -> Path:
        """Return the path of the container's network namespace, for processes on any host."""
        return Path(self.engine.outside(self._namespace()))

    def _namespace(self) -> str:
        self.container.reload()
        return f"/proc/{self.container.attrs['State']['Pid']}/ns/net"

    def ping_unfragmented(self, address: str, octets: int) -> bool:
        """Tell whether an IP packet of this length, with DF, is answered within a second."""
        ping = ["ping", "-M", "do", "-s", str(octets - PING_HEADERS), "-c", "1", "-W", "1", address]
        enter = self.engine.inside("nsenter", f"--net={self._namespace()}", *ping)
        return execute(tied_to_parent(enter), check=False).returncode == 0

    def socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """Return an IPv4 socket in the container's network namespace."""
        return socket_in(self.namespace(), socket.AF_INET, kind)

    def device(self, name: str) -> dict[str, object] | None:
        """Return the output of `ip link show` for a device of the host, or None."""
        links = json.loads(self.engine.run("ip", "-json", "link", "show"))
        return next((link for link in links if link["ifname"] == name), None)

    def routes(self) -> str:
        """Return the host's routing table as `ip route` prints it."""
        return self.engine.run("ip", "route")

    def tunnel_ports(self) -> set[str]:
        """Return the ports of the bridge that do not belong to containers."""
        links = json.loads(self.engine.run("ip", "-json", "link", "show", "master", self.bridge))
        return {name for link in links if not (name := link["ifname"]).startswith("veth")}


@contextmanager
def segment(
    engines: tuple[Engine, Engine], options: Mapping[str, str] | None = None
) -> Iterator[tuple[Site, Site]]:
    """Create the network, with the driver's `options`, and the containers; remove them at exit."""
    with ThreadPoolExecutor(len(engines)) as both_at_once:
        addresses = ("172.18.0.11", "172.18.0.12")
        sites = [
            both_at_once.submit(_site, engine, address, dict(options or {}))
            for engine, address in zip(engines, addresses, strict=True)
        ]
        wait(sites)
        try:
            yield sites[0].result(), sites[1].result()
        finally:
            for _ in both_at_once.map(Engine.remove_networks, engines):
                pass


def _site(engine: Engine, address: str, options: dict[str, str]) -> Site:
    client = engine.client
    pool = IPAMConfig(pool_configs=[IPAMPool(subnet="172.18.0.0/16")])
    network = client.networks.create(NETWORK, driver="bridge", ipam=pool, options=options)
    fixed = EndpointConfig(version=client.api.api_version, ipv4_address=address)
    container = client.containers.create(
        image.NAME, network=NETWORK, networking_config={NETWORK: fixed}
    )
    container.start()
    bridge = options.get("com.docker.network.bridge.name", f"br-{network.attrs['Id'][:12]}")
    return Site(engine, bridge, container, address)
