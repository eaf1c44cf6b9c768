"""Create the same Docker network on both hosts, with one container on each."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker.models.containers import Container
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

from tests.docker import image
from tests.docker.engines import Engine, socket_in
from vtep.lab import wait_until

NETWORK = "vxlan-net"
GATEWAY = "172.18.0.1"


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

    def mtu(self) -> int:
        """Return the MTU of the container's own interface."""
        output = self.container.exec_run(["cat", "/sys/class/net/eth0/mtu"]).output
        assert isinstance(output, bytes)
        return int(output)

    def socket(self) -> socket.socket:
        """Return a TCP socket in the container's network namespace."""
        self.container.reload()
        pid = self.container.attrs["State"]["Pid"]
        here = Path(self.engine.outside(f"/proc/{pid}/ns/net"))
        return socket_in(here, socket.AF_INET, socket.SOCK_STREAM)

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
    with ExitStack() as stack:
        first = stack.enter_context(_site(engines[0], "172.18.0.11", dict(options or {})))
        second = stack.enter_context(_site(engines[1], "172.18.0.12", dict(options or {})))
        yield first, second


@contextmanager
def _site(engine: Engine, address: str, options: dict[str, str]) -> Iterator[Site]:
    client = engine.client
    with ExitStack() as stack:
        pool = IPAMConfig(pool_configs=[IPAMPool(subnet="172.18.0.0/16")])
        network = client.networks.create(NETWORK, driver="bridge", ipam=pool, options=options)
        stack.callback(network.remove)
        fixed = EndpointConfig(version=client.api.api_version, ipv4_address=address)
        container = client.containers.create(
            image.NAME, network=NETWORK, networking_config={NETWORK: fixed}
        )
        stack.callback(container.remove, force=True)
        container.start()
        bridge = options.get("com.docker.network.bridge.name", f"br-{network.attrs['Id'][:12]}")
        yield Site(engine, bridge, container, address)
