"""bring_up on a real host (drawn in one_host): opened devices, and reverted changes."""

import inspect
import os
import signal
import socket
import socketserver
import stat
import sys
import threading
from types import CodeType, FrameType

import pytest
import uvloop

from tests.unit.namespaces import in_private_namespaces, mount, sh
from tests.unit.one_host import (
    NOBODY,
    PEER,
    become_nobody,
    config,
    host,
    is_socket,
    link,
    port_is_free,
    refusal,
    set_mtu,
    state,
)
from tests.unit.test_docker_lookup import Engine
from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.daemon import setup
from vtep.daemon.setup import bring_up
from vtep.errors import HostError


@in_private_namespaces
def test_a_tap_comes_up_with_its_mtu_and_bridge_and_is_deleted_at_exit() -> None:
    host()
    before = state()
    with bring_up(config(bridge="br0")) as runtime:
        tap, bridge = link("vx0"), link("br0")
        assert tap is not None
        assert bridge is not None
        assert (tap.mtu, tap.up, tap.master) == (1450, True, bridge.index)
        (port,) = runtime.taps
        assert (port.name, port.mac) == ("vx0", tap.mac)
        assert runtime.bridges == {port: "br0"}
        assert (runtime.local, runtime.underlay_mtu) == ("10.0.1.4", 1500)
        overlay = runtime.vtep.overlays[100]
        assert overlay.mtu == 1450
        assert [(p.ip, p.address) for p in overlay.flood] == [(PEER, (PEER, 4789))]
        assert runtime.vtep.local_addresses >= {
            "10.0.1.4",
            "10.0.2.4",
            "127.0.0.1",
            "fd00:1::4",
        }
        assert runtime.underlay.send((b"x",), (PEER, 4789)) == 0
    assert state() == before
    port_is_free(4789)


@in_private_namespaces
def test_the_bridge_keeps_its_mac() -> None:
    host()
    before = link("br0")
    assert before is not None
    with bring_up(config(bridge="br0")):
        during = link("br0")
        assert during is not None
        assert during.mac == before.mac == bytes.fromhex("f20000000001")


@in_private_namespaces
def test_without_a_bridge_the_tap_has_no_master() -> None:
    host()
    with bring_up(config()) as runtime:
        tap = link("vx0")
        assert tap is not None
        assert (tap.up, tap.master) == (True, None)
        assert runtime.bridges == {}


@pytest.mark.parametrize(
    ("underlay_mtu", "peer", "expected"),
    [(9001, PEER, 8951), (9001, "fd00:1::41", 8931), (1500, "fd00:1::41", 1430)],
)
@in_private_namespaces
def test_the_mtu_follows_the_underlay(underlay_mtu: int, peer: str, expected: int) -> None:
    host()
    set_mtu("u1", underlay_mtu)
    with bring_up(config(peer)):
        tap = link("vx0")
        assert tap is not None
        assert tap.mtu == expected


@in_private_namespaces
def test_the_mtu_of_a_route_is_honoured() -> None:
    host()
    sh("ip route add 10.7.0.0/24 via 10.0.1.41 mtu 1400")
    with bring_up(config("10.7.0.1")) as runtime:
        assert runtime.underlay_mtu == 1400
        assert runtime.vtep.overlays[100].mtu == 1350


@in_private_namespaces
def test_peers_behind_two_devices_take_the_smaller_mtu() -> None:
    host()
    set_mtu("u1", 9001)
    set_mtu("u2", 1400)
    with bring_up(config(PEER, "10.0.2.41")) as runtime:
        assert runtime.underlay_mtu == 1400
        assert runtime.vtep.overlays[100].mtu == 1350


@in_private_namespaces
def test_passing_tags_take_four_octets_of_the_mtu() -> None:
    host()
    with bring_up(config(tags="pass")) as runtime:
        assert runtime.vtep.overlays[100].mtu == 1446


@in_private_namespaces
def test_a_configured_underlay_mtu_overrides_the_route() -> None:
    host()
    with bring_up(config(underlay=UnderlayConfig(mtu=1280))) as runtime:
        assert runtime.vtep.overlays[100].mtu == 1230


@pytest.mark.parametrize(
    ("underlay", "expected"),
    [
        (UnderlayConfig(dev="u2"), ("10.0.2.4", 1350)),
        (UnderlayConfig(local="10.0.2.4"), ("10.0.2.4", 1350)),
        (UnderlayConfig(local="fd00:2::4"), ("fd00:2::4", 1330)),
    ],
)
@in_private_namespaces
def test_without_a_peer_the_mtu_is_that_of_dev_or_local(
    underlay: UnderlayConfig, expected: tuple[str, int]
) -> None:
    host()
    set_mtu("u2", 1400)
    overlay = OverlayConfig(vni=100, tap="vx0", accept_any=True)
    with bring_up(Config(underlay, (overlay,))) as runtime:
        assert (runtime.local, runtime.vtep.overlays[100].mtu) == expected


@in_private_namespaces
def test_a_trunk_with_two_overlays_is_opened_once() -> None:
    host()
    overlays = (
        OverlayConfig(vni=10, tap="trunk", peers=(PEER,), vlan=1),
        OverlayConfig(vni=20, tap="trunk", peers=("10.0.2.41",), vlan=2),
        OverlayConfig(vni=0, tap="vx0", peers=(PEER,)),
    )
    set_mtu("u2", 1400)
    with bring_up(Config(UnderlayConfig(), overlays)) as runtime:
        trunk, access = runtime.taps
        assert (trunk.name, sorted(trunk.by_vlan, key=str)) == ("trunk", [1, 2])
        assert (access.name, list(access.by_vlan)) == ("vx0", [None])
        mtus = {vni: overlay.mtu for vni, overlay in runtime.vtep.overlays.items()}
        assert mtus == {10: 1350, 20: 1350, 0: 1450}
        tap = link("trunk")
        assert tap is not None
        assert tap.mtu == 1350


@in_private_namespaces
def test_two_names_of_one_peer_become_one_peer() -> None:
    host()
    sh("ip address add 10.0.3.4/24 dev u1")
    hosts = "/tmp/hosts"
    mount(b"none", b"/tmp", b"tmpfs")
    with open(hosts, "w") as file:
        file.write(f"{PEER} other other.example\n10.0.1.42 third\n")
    mount(hosts.encode(), b"/etc/hosts", None, 0x1000)
    with bring_up(config("other", PEER, "third")) as runtime:
        assert list(runtime.vtep.overlays[100].peers) == [PEER, "10.0.1.42"]


@in_private_namespaces
def test_a_docker_network_is_joined_by_its_bridge() -> None:
    host()
    sh("ip link add br-0123456789ab type bridge")
    mount(b"none", b"/tmp", b"tmpfs")
    with socketserver.ThreadingUnixStreamServer("/tmp/docker.sock", Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        os.environ["DOCKER_HOST"] = "unix:///tmp/docker.sock"
        with bring_up(config(docker_network="vxlan-net")) as runtime:
            tap, bridge = link("vx0"), link("br-0123456789ab")
            assert tap is not None
            assert bridge is not None
            assert tap.master == bridge.index
            assert list(runtime.bridges.values()) == ["br-0123456789ab"]
        sh("ip link del br-0123456789ab")
        line = refusal(config(docker_network="vxlan-net"))
        assert "br-0123456789ab" in line
        assert "network namespace of dockerd" in line
        assert "Docker network vxlan-nett: not found" in refusal(
            config(docker_network="vxlan-nett")
        )
        server.shutdown()
    assert "not running" in refusal(config(docker_network="vxlan-net"))


@in_private_namespaces
def test_no_netlink_socket_is_open_while_uvloop_runs() -> None:
    host()

    async def families() -> list[int]:
        found = []
        for fd in [int(fd) for fd in os.listdir("/proc/self/fd")]:
            if is_socket(fd):
                with socket.socket(fileno=os.dup(fd)) as sock:
                    found.append(int(sock.family))
        return found

    with bring_up(config()):
        found = uvloop.run(families())
    assert socket.AF_INET in found
    assert socket.AF_NETLINK not in found
    assert link("vx0") is None


# -- a persistent TAP


@in_private_namespaces
def test_an_attached_tap_gets_back_its_mtu_its_bridge_and_its_state() -> None:
    host()
    sh("ip link add br1 type bridge")
    sh("ip tuntap add vx0 mode tap")
    sh("ip link set vx0 mtu 1300 master br1")
    before = link("vx0")
    with bring_up(config(bridge="br0")):
        during, br0 = link("vx0"), link("br0")
        assert during is not None
        assert br0 is not None
        assert (during.mtu, during.up, during.master) == (1450, True, br0.index)
    assert link("vx0") == before


@in_private_namespaces
def test_the_owner_of_a_persistent_tap_needs_no_privilege() -> None:
    host()
    mount(b"none", b"/dev/net", b"tmpfs")
    os.mknod("/dev/net/tun", stat.S_IFCHR, os.makedev(10, 200))
    os.chmod("/dev/net/tun", 0o666)
    sh(f"ip tuntap add vx0 mode tap user {NOBODY}")
    sh("ip link set vx0 mtu 1450 master br0 up")
    before = state()
    become_nobody()
    with bring_up(config(bridge="br0")) as runtime:
        assert runtime.underlay.send((b"x",), (PEER, 4789)) == 0
    assert state() == before
    line = refusal(config(bridge="br0", mtu=1400))
    assert line.startswith("ip link set vx0 mtu 1400: ")
    assert "CAP_NET_ADMIN" in line


@in_private_namespaces
def test_a_multi_queue_tap_in_use_by_another_process_is_refused() -> None:
    host()
    sh("ip tuntap add vx0 mode tap multi_queue")
    with bring_up(config()):
        with pytest.raises(HostError, match="TAP vx0: in use by another process"):
            bring_up(config(underlay=UnderlayConfig(port=4790))).__enter__()
        assert link("vx0") is not None


@in_private_namespaces
def test_bring_up_ends_cleanly_after_its_tap_was_deleted() -> None:
    host()
    with bring_up(config(bridge="br0")):
        sh("ip link del vx0")
    port_is_free(4789)


# -- failures and signals during the setup


@in_private_namespaces
def test_a_failure_at_the_second_tap_reverts_the_first() -> None:
    host()
    sh("ip tuntap add vx0 mode tap")
    sh("ip link add vx1 type veth peer name vx1p")
    overlays = (
        OverlayConfig(vni=1, tap="vx0", peers=(PEER,), bridge="br0"),
        OverlayConfig(vni=2, tap="vx1", peers=(PEER,)),
    )
    assert refusal(Config(UnderlayConfig(), overlays)).startswith("device vx1: ")


@in_private_namespaces
def test_an_exception_while_running_reverts_all_changes() -> None:
    host()
    before = state()
    with pytest.raises(ZeroDivisionError), bring_up(config(bridge="br0")):
        raise ZeroDivisionError
    assert state() == before
    port_is_free(4789)


@in_private_namespaces
def test_sigterm_at_any_point_of_the_setup_leaves_nothing() -> None:
    host()
    sh("ip tuntap add vx0 mode tap")
    sh("ip link set vx0 mtu 1300")
    overlays = (
        OverlayConfig(vni=1, tap="vx0", peers=(PEER,), bridge="br0"),
        OverlayConfig(vni=2, tap="vx1", peers=(PEER,), bridge="br0"),
    )
    wanted = Config(UnderlayConfig(srcport=(50_000, 50_001)), overlays)  # few returns to count
    before = state()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    for calls in range(1, 2000):
        interrupted = _interrupted_at_call(calls, wanted)
        now = state()
        assert set(now[0]) ^ set(before[0]) == set(), f"after SIGTERM at return {calls}"
        assert now == before
        for port in (4789, 50_000, 50_001):
            port_is_free(port)
        if not interrupted:
            break
    assert not interrupted
    assert calls > 30, "SIGTERM was sent at few points"


def _interrupted_at_call(calls: int, wanted: Config) -> bool:
    """Bring up *wanted* with SIGTERM at the n-th return in our code; tell whether it was sent."""
    left = calls

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        if event == "return" and _is_ours(frame.f_code):
            left -= 1
            if left == 0:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGTERM)

    sys.setprofile(count)
    try:
        with bring_up(wanted):
            sys.setprofile(None)
    except SystemExit:
        return True
    finally:
        sys.setprofile(None)
    return False


def _is_ours(code: CodeType) -> bool:
    if code.co_flags & inspect.CO_GENERATOR:
        return False  # an exception out of a profiler at a yield loses the generator's frame
    path = code.co_filename
    return path == setup.__file__ or os.path.dirname(path).endswith("vtep/host")
