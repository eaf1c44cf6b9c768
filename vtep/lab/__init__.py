"""Build hosts from network namespaces, for the demo, the tests and the benchmarks.

    with two_hosts() as lab:
        h1_tunnel = ["--tap", "vx0", "--vni", "100", "--peer", lab.h2.address, "--bridge", "br0"]
        with lab.h1.vtep(*h1_tunnel):
            lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0")
            assert ping(lab.c1, lab.c2.address)
            transfer(lab.c1, lab.c2, 100_000_000)

`topology` builds the hosts, `private` makes the namespace around them, and `traffic` runs ping,
iperf3 and TCP transfers. The lab needs Linux with iproute2; some functions need iperf3, ping or
ethtool.
"""

from vtep.lab.capture import Capture, is_vxlan
from vtep.lab.daemon import Daemon
from vtep.lab.errors import LabError
from vtep.lab.host import Container, Host
from vtep.lab.netns import Netns
from vtep.lab.private import enter
from vtep.lab.process import Process
from vtep.lab.topology import Lab, TwoHosts, two_hosts
from vtep.lab.traffic import (
    Ping,
    Throughput,
    Transfer,
    iperf3,
    iperf3_command,
    iperf3_result,
    iperf3_server,
    ping,
    transfer,
    transferring,
)
from vtep.lab.wait import GENEROUS_S, wait_until

__all__ = [
    "GENEROUS_S",
    "Capture",
    "Container",
    "Daemon",
    "Host",
    "Lab",
    "LabError",
    "Netns",
    "Ping",
    "Process",
    "Throughput",
    "Transfer",
    "TwoHosts",
    "enter",
    "iperf3",
    "iperf3_command",
    "iperf3_result",
    "iperf3_server",
    "is_vxlan",
    "ping",
    "transfer",
    "transferring",
    "two_hosts",
    "wait_until",
]
