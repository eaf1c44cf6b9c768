"""bring_up on a real host (drawn in one_host): what is refused, in which words."""

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
def test_a_port_of_the_kernels_vxlan_names_the_device() -> None:
    host()
    add_vxlan9()
    assert refusal(config()) == (
        "UDP port 4789 is in use by the kernel vxlan device vxlan9: "
        "delete it, or use another --port"
    )
    with bring_up(config(underlay=UnderlayConfig(port=8472))) as runtime:
        assert runtime.vtep.port == 8472


@in_private_namespaces
def test_a_port_of_another_process_names_it() -> None:
    host()
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("", 4789))
        wanted = config()
        with pytest.raises(HostError) as caught:
            bring_up(wanted).__enter__()
    message = str(caught.value)
    assert message.startswith("UDP port 4789 is in use by ")
    assert message.endswith(f", pid {os.getpid()}: end that, or use another --port")
    assert link("vx0") is None


@in_private_namespaces
def test_a_range_of_source_ports_in_use_is_named() -> None:
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
def test_too_few_descriptors_for_the_source_ports_are_said() -> None:
    host()
    taken = set(map(int, os.listdir("/proc/self/fd")))  # other tests' too
    free = (number for number in range(4096) if number not in taken)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, 33, None)), most))
    assert refusal(config()) == (
        "too few file descriptors for the UDP sockets: raise the limit (ulimit -n)"
    )
    with bring_up(config(underlay=UnderlayConfig(srcport=(50_000, 50_003)))) as runtime:
        assert runtime.underlay.senders == 4


def down_u2() -> None:
    sh("ip link set u2 down")


def lower_u1() -> None:
    set_mtu("u1", 600)


def nothing() -> None:
    pass


REFUSALS: list[tuple[Callable[[], None], Config, str]] = [
    (nothing, config("no-such-host.invalid"), "peer no-such-host.invalid does not resolve ("),
    (nothing, config("10.0.1.4"), "peer 10.0.1.4 is an address of this host: give that of"),
    (nothing, config("fd00:2::4"), "peer fd00:2::4 is an address of this host: give that of"),
    (nothing, config(PEER, "fd00:1::41"), f"peer fd00:1::41 is IPv6, but peer {PEER} is IPv4: "),
    (
        nothing,
        config(underlay=UnderlayConfig(local="fd00:1::4")),
        f"peer {PEER} is IPv4, but local fd00:1::4 is IPv6: local and all peers must be of one",
    ),
    (nothing, config("239.1.1.1"), "peer 239.1.1.1 is a multicast address: name each VTEP"),
    (nothing, config("ff02::1%u1"), "peer ff02::1%u1 (ff02::1) is a multicast address: name each"),
    (nothing, config("255.255.255.255"), "peer 255.255.255.255 is a broadcast address: name"),
    (nothing, config("10.0.1.255"), "peer 10.0.1.255 is a broadcast address: name each VTEP"),
    (nothing, config("0.0.0.0"), "peer 0.0.0.0 is the unspecified address: give that of"),
    (nothing, config("::ffff:10.0.1.41"), "peer ::ffff:10.0.1.41 is IPv4 in disguise: write it as"),
    (nothing, config("fe80::41"), "peer fe80::41 is link-local: say on which device, as in fe80:"),
    (nothing, config("192.0.2.1"), "there is no route to peer 192.0.2.1: add one (ip route add)"),
    (
        nothing,
        config(bridge="br9"),
        "there is no bridge br9: create it (ip link add br9 type bridge), or use br0",
    ),
    (nothing, config(bridge="u1"), "device u1 is no bridge: give --bridge the name of one"),
    (
        nothing,
        config(mtu=1451),
        "vni 100: mtu 1451 does not fit the underlay's MTU 1500 less 50 octets of headers: "
        "use at most 1450",
    ),
    (
        nothing,
        config(underlay=UnderlayConfig(mtu=9000)),
        f"underlay mtu 9000 is more than u1 takes to peer {PEER}: use at most 1500",
    ),
    (
        lower_u1,
        config(),
        "vni 100: the underlay's MTU 600 leaves 550 octets, fewer than 576: "
        "raise it to at least 626",
    ),
    (
        nothing,
        config(underlay=UnderlayConfig(local="10.9.9.9")),
        "local 10.9.9.9 is no address of this host: use one that ip addr shows",
    ),
    (
        nothing,
        config(underlay=UnderlayConfig(dev="eth9")),
        "there is no device eth9: use one of br0, c1, c1p, lo, u1, u1p, u2, u2p",
    ),
    (down_u2, config(underlay=UnderlayConfig(dev="u2")), "device u2 is down: set it up (ip link"),
    (
        nothing,
        Config(UnderlayConfig(), (OverlayConfig(vni=100, tap="vx0", accept_any=True),)),
        "vni 100: without a peer its MTU cannot be worked out: give --mtu, --dev or --local",
    ),
    (
        nothing,
        Config(UnderlayConfig(), (OverlayConfig(vni=100, tap="u1", peers=(PEER,)),)),
        "device u1 exists but is not a TAP: choose another --tap",
    ),
]


@pytest.mark.parametrize(
    ("prepare", "wanted", "message"), REFUSALS, ids=[message[:40] for _, _, message in REFUSALS]
)
@in_private_namespaces
def test_it_is_refused_in_one_line_and_nothing_is_left(
    prepare: Callable[[], None], wanted: Config, message: str
) -> None:
    host()
    prepare()
    assert refusal(wanted).startswith(message)


@in_private_namespaces
def test_without_dev_net_tun_nothing_is_left() -> None:
    host()
    mount(b"none", b"/dev/net", b"tmpfs")
    assert refusal(config()).startswith("there is no /dev/net/tun: ")


@pytest.mark.parametrize(("mode", "what"), [(0o600, "/dev/net/tun: "), (0o666, "the TAP vx0: ")])
@in_private_namespaces
def test_who_is_not_permitted_leaves_nothing(mode: int, what: str) -> None:
    host()
    mount(b"none", b"/dev/net", b"tmpfs")
    os.mknod("/dev/net/tun", stat.S_IFCHR, os.makedev(10, 200))
    os.chmod("/dev/net/tun", mode)
    become_nobody()
    assert refusal(config()).startswith(f"not permitted to open {what}")
