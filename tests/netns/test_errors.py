"""Failures at start: one line with the remedy, exit code 2, and no device left behind."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.tunnels import tunnel
from vtep.lab import TwoHosts, two_hosts

pytestmark = pytest.mark.netns

TAP = ["--tap", "vx0"]
VNI = ["--vni", "100"]
PEER = ["--peer", "10.0.1.41"]
PLAIN = [*TAP, *VNI, *PEER]


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoHosts]:
    with two_hosts() as made:
        yield made


def devices(lab: TwoHosts) -> list[tuple[object, ...]]:
    links = json.loads(lab.h1.ip("-j", "link"))
    return [(link["ifname"], link["mtu"], link.get("master"), link["flags"]) for link in links]


def complaint(lab: TwoHosts, *arguments: str) -> str:
    """Run the command on h1, check that it changed no device, and return its error line."""
    before = devices(lab)
    command = [sys.executable, "-m", "vtep", *arguments]
    done = lab.h1.run(command, check=False)
    assert done.returncode == 2, done.stderr
    assert devices(lab) == before
    [line] = done.stderr.splitlines()
    assert line.startswith("vtep: error: ")
    return line.removeprefix("vtep: error: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tap", "a-name-of-16-chr", *VNI, *PEER], ["a-name-of-16-chr", "1..15"]),
        (["--tap", "br0", *VNI, *PEER], ["br0", "not a TAP", "another --tap"]),
        ([*TAP, "--vni", "16777216", *PEER], ["16777216", "0..16777215"]),
        ([*TAP, "--vni", "-1", *PEER], ["-1", "0..16777215"]),
        ([*PLAIN, "--vlan", "0"], ["vlan 0", "1..4094"]),
        ([*PLAIN, "--vlan", "4095"], ["vlan 4095", "1..4094"]),
        ([*TAP, *VNI], ["no peer", "--peer", "accept-any"]),
        ([*TAP, *VNI, "--peer", "no-such-host.invalid"], ["no-such-host.invalid", "not resolve"]),
        ([*TAP, *VNI, "--peer", "10.0.1.4"], ["10.0.1.4", "address of this host"]),
        ([*TAP, *VNI, "--peer", "127.0.0.1"], ["127.0.0.1", "address of this host"]),
        ([*TAP, *VNI, "--peer", "127.0.0.2"], ["127.0.0.2", "address of this host"]),
        ([*PLAIN, "--local", "::1"], ["IPv4", "IPv6", "one family"]),
        ([*PLAIN, "--peer", "fd00:1::41"], ["IPv4", "IPv6", "one family"]),
        ([*PLAIN, "--local", "10.0.1.77"], ["10.0.1.77", "not an address of this host"]),
        ([*TAP, *VNI, "--peer", "192.0.2.1"], ["192.0.2.1", "no route", "ip route add"]),
        ([*TAP, *VNI, "--peer", "239.1.1.1"], ["239.1.1.1", "multicast"]),
        ([*PLAIN, "--dev", "nope0"], ["dev nope0", "u1"]),
        ([*PLAIN, "--bridge", "br9"], ["br9", "ip link add br9 type bridge"]),
        ([*PLAIN, "--bridge", "u1"], ["u1", "not a bridge"]),
        ([*PLAIN, "--mtu", "1451"], ["1451", "1500", "at most 1450"]),
        ([*PLAIN, "--mtu", "575"], ["575", "576"]),
        ([*PLAIN, "--underlay-mtu", "625"], ["625", "576", "626"]),
        ([*PLAIN, "--port", "65536"], ["65536", "65535"]),
        ([*PLAIN, "--docker-network", "n"], ["Docker", "not running"]),
        ([*PLAIN, "--docker-network", "n", "--bridge", "br0"], ["docker-network", "bridge"]),
        ([*PLAIN, "--ready-fd", "77"], ["77", "not an open file descriptor"]),
        ([*PLAIN, "--tip", "x"], ["--tip", "--tap"]),
    ],
)
def test_a_bad_command_line_is_refused(
    lab: TwoHosts, arguments: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    line = complaint(lab, *arguments)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[overlay]]\nvni = 1\ntap = 'a'\npeers = ['10.0.1.41']\n" * 2, ["VNI 1", "already"]),
        (
            "[[overlay]]\nvni = 1\ntap = 'a'\npeers = ['10.0.1.41']\nvlan = 7\n"
            "[[overlay]]\nvni = 2\ntap = 'a'\npeers = ['10.0.1.41']\nvlan = 7\n",
            ["VLAN 7"],
        ),
        (
            "[[overlay]]\nvni = 1\ntap = 'a'\npeers = ['10.0.1.41']\nvlan = 7\n"
            "[[overlay]]\nvni = 2\ntap = 'a'\npeers = ['10.0.1.41']\nvlan = 'pass'\n",
            ["tags cannot pass"],
        ),
        ("[[overlay]]\nvni = 1\ntap = 'a'\npeer = ['10.0.1.41']\n", ["'peer'", "'peers'"]),
    ],
)
def test_a_bad_file_is_refused(lab: TwoHosts, tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "vtep.toml"
    path.write_text(text)
    line = complaint(lab, "--config", str(path))
    for word in words:
        assert word in line


def test_a_udp_port_in_use_by_a_kernel_vxlan_device_is_refused(lab: TwoHosts) -> None:
    lab.h1.ip("link", "add", "vxlan9", "type", "vxlan", "id", "9", "dstport", "4789")
    try:
        lab.h1.ip("link", "set", "vxlan9", "up")
        line = complaint(lab, *PLAIN)
        assert line.startswith("UDP port 4789: ")
        assert "vxlan9" in line
        assert "another --port" in line
    finally:
        lab.h1.ip("link", "del", "vxlan9")


def test_a_udp_port_or_tap_in_use_by_another_vtep_is_refused(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2) as other:
        line = complaint(lab, "--tap", "vx1", *VNI, *PEER)
        assert line.startswith("UDP port 4789: ")
        assert str(other.pid) in line
        assert "another --port" in line
        line = complaint(lab, *PLAIN, "--port", "4790")
        assert line.startswith("TAP vx0: ")
        assert "another --tap" in line


def test_an_underlay_with_a_small_mtu_is_refused(lab: TwoHosts) -> None:
    lab.h1.ip("link", "set", lab.h1.device, "mtu", "625")
    try:
        assert "at least 626" in complaint(lab, *PLAIN)
    finally:
        lab.h1.ip("link", "set", lab.h1.device, "mtu", "1500")


def test_missing_privileges_are_reported(lab: TwoHosts) -> None:
    command = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    line = refused(lab, [*command, sys.executable, "-m", "vtep", *PLAIN])
    assert "not permitted" in line
    assert "CAP_NET_ADMIN" in line


def test_a_missing_dev_net_tun_is_reported(lab: TwoHosts) -> None:
    script = 'mount -t tmpfs none /dev/net && exec "$0" "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, sys.executable, "-m", "vtep", *PLAIN]
    line = refused(lab, command)
    assert line.startswith("/dev/net/tun: ")
    assert "modprobe tun" in line


def refused(lab: TwoHosts, command: list[str]) -> str:
    done: subprocess.CompletedProcess[str] = lab.h1.run(command, check=False)
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert not lab.h1.has_link("vx0")
    return line.removeprefix("vtep: error: ")
