"""bring_up on a real host (drawn in one_host): refused configurations and their errors."""

import os
import resource
import socket
import stat
from collections.abc import Callable
from itertools import islice

import pytest

from tests.unit.namespaces import in_private_namespaces, mount, sh
from tests.unit.one_host import PEER, become_nobody, config, host, link, refusal, set_mtu
from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.daemon.setup import bring_up
from vtep.errors import HostError


def add_vxlan9() -> None:
    sh(f"ip link add vxlan9 type vxlan id 9 dstport 4789 remote {PEER} dev u1")
    sh("ip link set vxlan9 up")


@in_private_namespaces
def test_a_port_in_use_by_a_kernel_vxlan_device_is_refused_with_its_name() -> None:
    host()
    add_vxlan9()
    assert refusal(config()) == (
        "UDP port 4789: in use by the kernel vxlan device vxlan9; delete it, or use another --port"
    )
    with bring_up(config(underlay=UnderlayConfig(port=8472))) as runtime:
        assert runtime.vtep.port == 8472


@in_private_namespaces
def test_a_port_in_use_by_a_process_is_refused_with_its_pid() -> None:
    host()
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("", 4789))
        wanted = config()
        with pytest.raises(HostError) as caught:
            bring_up(wanted).__enter__()
    message = str(caught.value)
    assert message.startswith("UDP port 4789: in use by ")
    assert f", pid {os.getpid()}; " in message
    assert message.endswith("use another --port")
    assert link("vx0") is None


@in_private_namespaces
def test_a_range_of_source_ports_in_use_is_refused() -> None:
    host()
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("", 50_000))
        wanted = config(underlay=UnderlayConfig(srcport=(50_000, 50_000)))
        with pytest.raises(HostError) as caught:
            bring_up(wanted).__enter__()
    assert str(caught.value).startswith("srcport 50000 50000: ")
    assert "--srcport" in str(caught.value)
    assert link("vx0") is None


@in_private_namespaces
def test_a_limit_of_descriptors_below_the_source_ports_is_refused() -> None:
    host()
    taken = set(map(int, os.listdir("/proc/self/fd")))  # those of other tests included
    free = (number for number in range(4096) if number not in taken)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, 33, None)), most))
    line = refusal(config())
    assert "file descriptors" in line
    assert "ulimit -n" in line
    with bring_up(config(underlay=UnderlayConfig(srcport=(50_000, 50_003)))) as runtime:
        assert runtime.underlay.senders == 4


def down_u2() -> None:
    sh("ip link set u2 down")


def lower_u1() -> None:
    set_mtu("u1", 600)


def nothing() -> None:
    pass


REFUSALS: list[tuple[Callable[[], None], Config, list[str]]] = [
    (nothing, config("no-such-host.invalid"), ["peer no-such-host.invalid", "IP address"]),
    (nothing, config("10.0.1.4"), ["peer 10.0.1.4:", "this host", "other VTEP"]),
    (nothing, config("fd00:2::4"), ["peer fd00:2::4:", "this host", "other VTEP"]),
    # the resolver takes these names for addresses, the configuration does not
    (nothing, config("0xef010101"), ["peer 0xef010101 (239.1.1.1):", "multicast", "each VTEP"]),
    (nothing, config("0xffffffff"), ["peer 0xffffffff (255.255.255.255):", "broadcast"]),
    (nothing, config("0x0"), ["peer 0x0 (0.0.0.0):", "unspecified", "other VTEP"]),
    (nothing, config("10.0.1.255"), ["peer 10.0.1.255:", "broadcast", "each VTEP"]),
    (nothing, config("192.0.2.1"), ["peer 192.0.2.1:", "route", "ip route add"]),
    (nothing, config(bridge="br9"), ["bridge br9:", "ip link add br9 type bridge", "br0"]),
    (nothing, config(bridge="u1"), ["bridge u1:", "not a bridge"]),
    (nothing, config(mtu=1451), ["vni 100: ", "mtu 1451 ", "1500", "50", "at most 1450"]),
    (nothing, config(underlay=UnderlayConfig(mtu=9000)), ["mtu 9000:", "u1", PEER, "at most 1500"]),
    (lower_u1, config(), ["vni 100: ", "MTU 600", "550", "576", "at least 626"]),
    (
        nothing,
        config(underlay=UnderlayConfig(local="10.9.9.9")),
        ["local 10.9.9.9:", "not an address of this host", "ip addr"],
    ),
    (
        nothing,
        config(underlay=UnderlayConfig(dev="eth9")),
        ["dev eth9:", "use one of br0, c1, c1p, lo, u1, u1p, u2, u2p"],
    ),
    (down_u2, config(underlay=UnderlayConfig(dev="u2")), ["dev u2:", "ip link set u2 up"]),
    (
        nothing,
        Config(UnderlayConfig(), (OverlayConfig(vni=100, tap="vx0", accept_any=True),)),
        ["vni 100: ", "MTU", "--mtu", "--dev", "--local"],
    ),
    (
        nothing,
        Config(UnderlayConfig(), (OverlayConfig(vni=100, tap="u1", peers=(PEER,)),)),
        ["device u1:", "not a TAP", "another --tap"],
    ),
]


@pytest.mark.parametrize(
    ("prepare", "wanted", "words"), REFUSALS, ids=[words[0].strip() for _, _, words in REFUSALS]
)
@in_private_namespaces
def test_it_is_refused_in_one_line_and_nothing_is_left(
    prepare: Callable[[], None], wanted: Config, words: list[str]
) -> None:
    host()
    prepare()
    line = refusal(wanted)
    assert [word for word in words if word not in line] == []
    assert ": " in line
    assert "; " in line


@in_private_namespaces
def test_without_dev_net_tun_it_is_refused_and_nothing_is_left() -> None:
    host()
    mount(b"none", b"/dev/net", b"tmpfs")
    line = refusal(config())
    assert line.startswith("/dev/net/tun: ")
    assert "modprobe tun" in line


@pytest.mark.parametrize(("mode", "what"), [(0o600, "/dev/net/tun: "), (0o666, "TAP vx0: ")])
@in_private_namespaces
def test_without_permission_it_is_refused_and_nothing_is_left(mode: int, what: str) -> None:
    host()
    mount(b"none", b"/dev/net", b"tmpfs")
    os.mknod("/dev/net/tun", stat.S_IFCHR, os.makedev(10, 200))
    os.chmod("/dev/net/tun", mode)
    become_nobody()
    line = refusal(config())
    assert line.startswith(what)
    assert "not permitted" in line
    assert "run as root" in line
