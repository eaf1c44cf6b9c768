"""The contenders, in the order of measurements and tables."""

from pathlib import Path

from bench.contenders import taps
from bench.contenders.contender import Contender
from bench.contenders.linux import bare, kernel
from bench.contenders.openvswitch import openvswitch
from bench.contenders.ours import checkout, plain_loop, vtep


def _debian(package: str, what: str, commands: taps.Commands, program: str = "") -> Contender:
    join = taps.tap_tunnel(commands)
    return Contender(package, what, join, programs=(program or package,), package=package)


CONTENDERS = {
    one.name: one
    for one in (
        Contender("bare", "the underlay in the bridges, no tunnel", bare, main=True),
        Contender("kernel", "the kernel's vxlan", kernel, main=True),
        Contender("vtep", "vtep, default options", vtep(), main=True),
        Contender(
            "vtep-inject",
            "vtep, --uplink inject",
            vtep("--uplink", "inject"),
            option=("--uplink", "inject"),
            main=True,
        ),
        Contender(
            "vtep-plain",
            "vtep, --offload none",
            vtep("--offload", "none"),
            option=("--offload", "none"),
        ),
        Contender("loop", "a plain loop in Python, one frame at a time", plain_loop),
        Contender(
            "ovs-afxdp",
            "Open vSwitch's userspace vxlan, AF_XDP",
            openvswitch("afxdp-nonpmd"),
            programs=("ovs-vswitchd", "ovsdb-server", "ethtool"),
            package="openvswitch-switch",
        ),
        Contender(
            "ovs",
            "Open vSwitch's userspace vxlan, AF_PACKET",
            openvswitch("system"),
            programs=("ovs-vswitchd", "ovsdb-server", "ethtool"),
            package="openvswitch-switch",
        ),
        _debian("openvpn", "OpenVPN over UDP, no cipher", taps.openvpn),
        _debian("tinc", "tinc in switch mode, no cipher", taps.tinc, "tincd"),
        _debian("quicktun", "quicktun, protocol raw", taps.quicktun),
        _debian("fastd", "fastd, method null", taps.fastd),
        _debian("socat", "socat between a TAP and UDP", taps.socat),
    )
}
REFERENCE = "kernel"
"""The contender to which every ratio refers, by its figure of the same round."""

BEFORE = "before"
"""The name of another checkout of vtep."""


def before(folder: Path) -> Contender:
    """Return the contender that is the checkout of vtep in *folder*.

    Raises:
        ValueError: *folder* does not contain one.
    """
    path = folder.resolve()
    if not (path / "vtep" / "__main__.py").is_file():
        raise ValueError(f"--before {folder}: has no vtep/__main__.py; name a checkout of vtep")
    return Contender(BEFORE, f"vtep in {path}", checkout(path), main=True)


__all__ = ["BEFORE", "CONTENDERS", "REFERENCE", "Contender", "before"]
