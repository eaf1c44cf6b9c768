"""Warnings about a bridge whose ports have a larger MTU than the TAP, on a real bridge."""

import os
import socketserver
import threading

from tests.unit.namespaces import in_private_namespaces, mount, sh
from tests.unit.one_host import config, host, set_mtu
from tests.unit.test_docker_lookup import Engine
from vtep.daemon.setup import bring_up


@in_private_namespaces
def test_ports_of_the_bridge_with_a_larger_mtu_are_a_warning() -> None:
    host()  # c1 and br0 have MTU 1500
    with bring_up(config(bridge="br0")) as runtime:
        (line,) = runtime.warnings
    for part in ("bridge br0: ", "1500, vx0 1450", "1451 to 1500 bytes", "not TCP", "MTU of 1450"):
        assert part in line
    with bring_up(config(bridge="br0", clamp_mss=False)) as runtime:
        assert "TCP too" in runtime.warnings[0]
    set_mtu("c1", 1450)
    with bring_up(config(bridge="br0")) as runtime:
        assert runtime.warnings == ()
    with bring_up(config()) as runtime:
        assert runtime.warnings == ()


@in_private_namespaces
def test_the_tap_itself_is_not_a_wide_port() -> None:
    host()
    set_mtu("c1", 1450)
    sh("ip tuntap add vx0 mode tap")
    sh("ip link set vx0 mtu 1500 master br0")
    with bring_up(config(bridge="br0")) as runtime:
        assert runtime.warnings == ()


@in_private_namespaces
def test_a_docker_network_with_a_larger_mtu_is_a_warning_before_its_first_container() -> None:
    host()
    mount(b"none", b"/tmp", b"tmpfs")
    for digit in ("0123456789ab", "cccccccccccc"):
        sh(f"ip link add br-{digit} type bridge")
    with socketserver.ThreadingUnixStreamServer("/tmp/docker.sock", Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        os.environ["DOCKER_HOST"] = "unix:///tmp/docker.sock"
        with bring_up(config(docker_network="vxlan-net")) as runtime:
            (line,) = runtime.warnings
        assert line.endswith("; create the network with -o com.docker.network.driver.mtu=1450")
        with bring_up(config(docker_network="narrow")) as runtime:
            assert runtime.warnings == ()
        server.shutdown()
