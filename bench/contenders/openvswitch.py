"""Open vSwitch's userspace datapath ("netdev") with a vxlan port.

ovs-vswitchd uses the container's port and the underlay's device through AF_PACKET or AF_XDP
sockets; br0 is not used. Database, logs and sockets are in a temporary folder, apart from an OVS
that the machine may run.

         c1 eth0 --- v-c1 --- ovs0 --- vxlan port ... tunnel ... u0 (10.0.1.4) --- u1
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.contenders.contender import Join
from bench.contenders.linux import VNI
from vtep.lab import Container, Host, TwoHosts, wait_until

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_START_S = 15.0


def openvswitch(port_type: str) -> Join:
    """Return a contender's join for OVS with ports of *port_type*: "system", "afxdp-nonpmd"."""

    @contextmanager
    def join(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
        pids: list[int] = []
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vtep-ovs-")))
            for host, peer, inside in ((lab.h1, lab.h2, lab.c1), (lab.h2, lab.h1, lab.c2)):
                own = folder / host.name
                own.mkdir()
                pids += _start(stack, host, own)
                _join(host, peer, inside, own, port_type)
            yield tuple(pids)

    return join


def _start(stack: ExitStack, host: Host, own: Path) -> list[int]:
    """Start the database and the switch; *stack* stops both."""
    variables = {name: str(own) for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR")}
    database, socket = own / "conf.db", own / "db.sock"
    host.run(["ovsdb-tool", "create", str(database), _SCHEMA])
    server = ["ovsdb-server", str(database), f"--remote=punix:{socket}", f"--unixctl={own}/db.ctl"]
    first = stack.enter_context(host.start(server, variables=variables))
    wait_until(socket.exists, _START_S, what="ovsdb-server", seen=first.stderr)
    _vsctl(host, own, "--no-wait", "init")
    switch = ["ovs-vswitchd", f"unix:{socket}", f"--unixctl={own}/switch.ctl"]
    second = stack.enter_context(host.start(switch, variables=variables))
    return [first.pid, second.pid]


def _join(host: Host, peer: Host, inside: Container, own: Path, port_type: str) -> None:
    """Make the two bridges of a host: ovs0 for the containers, u0 for the underlay."""
    port, length = f"v-{inside.name}", host.link(host.device)["mtu"]
    host.ip("link", "set", port, "nomaster")
    host.ip("address", "flush", "dev", host.device)
    inside.offload("eth0", "tx", "off")  # AF_PACKET ports would forward partial checksums
    for bridge, device in (("ovs0", port), ("u0", host.device)):
        made = ["add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev"]
        _vsctl(host, own, *made)
        kind = ["--", "set", "interface", device, f"type={port_type}"]
        _vsctl(host, own, "add-port", bridge, device, *kind)
    wait_until(lambda: host.has_link("u0"), what="the device u0")
    host.ip("link", "set", "u0", "mtu", str(length), "up")
    host.ip("address", "add", f"{host.address}/24", "dev", "u0")
    _vsctl(
        *(host, own, "add-port", "ovs0", "vx0", "--", "set", "interface", "vx0", "type=vxlan"),
        *(f"options:remote_ip={peer.address}", f"options:key={VNI}"),
    )


def _vsctl(host: Host, own: Path, *words: str) -> None:
    host.run(["ovs-vsctl", f"--db=unix:{own}/db.sock", "--timeout=15", *words], timeout=20.0)
