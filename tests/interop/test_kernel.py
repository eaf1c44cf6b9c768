"""A vtep on one host, the kernel's vxlan device on the other.

`tx_offload` is a setting of the kernel's device. If it is off, datagrams on the veth underlay are
complete and segmented, as on a real network. If it is on, they are GSO packets with partial inner
checksums, which vtep has to accept.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.netns.tunnels import tunnel
from vtep.host.linux import UDP_SEGMENT
from vtep.lab import (
    GENEROUS_S,
    Daemon,
    TwoHosts,
    iperf3,
    is_vxlan,
    ping,
    transfer,
    two_hosts,
    wait_until,
)
from vtep.lab.topology import Family

pytestmark = pytest.mark.netns

FAMILIES: list[Family] = [4, 6]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Yield a lab with a vtep on h1 and the kernel's vxlan device on h2."""

    lab: TwoHosts
    ours: Daemon


@contextmanager
def mixed(
    family: Family = 4, *, tx_offload: bool = False, container_mtu: int = 1450
) -> Iterator[Mixed]:
    with two_hosts(family, container_mtu=container_mtu) as lab, tunnel(lab.h1, lab.h2) as ours:
        lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0", tx_offload=tx_offload)
        yield Mixed(lab, ours)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tx_offload", [False, True])
def test_ping_tcp_and_udp_in_both_directions(family: Family, tx_offload: bool) -> None:
    container_mtu = 1450 if family == 4 else 1430
    with mixed(family, tx_offload=tx_offload, container_mtu=container_mtu) as both:
        c1, c2 = both.lab.c1, both.lab.c2
        assert ping(c1, c2.address, count=5).received == 5
        assert ping(c2, c1.address, count=5).received == 5
        assert ping(c1, c2.address, size=container_mtu - 28, dont_fragment=True)
        assert ping(c2, c1.address, size=container_mtu - 28, dont_fragment=True)
        assert ping(c1, c2.address, size=4000), "fragmented by the container"
        transfer(c1, c2, 10_000_000)
        transfer(c2, c1, 10_000_000)
        for source, target in ((c1, c2), (c2, c1)):
            report = iperf3(
                source, target, "--bitrate", "5M", "--length", "1300", seconds=1, udp=True
            )
            assert report.report["end"]["sum"]["lost_percent"] == 0
            assert report.report["end"]["sum"]["packets"] > 100
        drops = both.ours.counters()["overlays"]["100"]["drops"]
        assert drops.keys() <= {"local_destination"}


@pytest.mark.parametrize("tx_offload", [False, True])
@pytest.mark.parametrize("container_mtu", [1450, 1500])
def test_100_megabytes_arrive_in_both_directions(tx_offload: bool, container_mtu: int) -> None:
    with mixed(tx_offload=tx_offload, container_mtu=container_mtu) as both:
        transfer(both.lab.c1, both.lab.c2, 100_000_000)
        transfer(both.lab.c2, both.lab.c1, 100_000_000)


@pytest.mark.parametrize("tx_offload", [False, True])
def test_tcp_over_ipv6_inside(tx_offload: bool) -> None:
    with mixed(tx_offload=tx_offload) as both:
        for container, address in (
            (both.lab.c1, "fd00:18::11/64"),
            (both.lab.c2, "fd00:18::12/64"),
        ):
            container.ip("address", "add", address, "dev", "eth0", "nodad")
        transfer(both.lab.c1, both.lab.c2, 10_000_000, address="fd00:18::12")
        transfer(both.lab.c2, both.lab.c1, 10_000_000, address="fd00:18::11")


@pytest.mark.parametrize("tx_offload", [False, True])
def test_udp_gso_frames_of_the_containers_arrive_as_datagrams(
    tx_offload: bool,
) -> None:
    """Send many datagrams in one call, as QUIC does; the tunnel must keep their boundaries."""
    sent = [bytes([number]) * 1200 for number in range(20)] + [b"short"]
    with mixed(tx_offload=tx_offload) as both:
        for source, target in ((both.lab.c1, both.lab.c2), (both.lab.c2, both.lab.c1)):
            assert ping(source, target.address)
            with (
                target.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
                source.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
            ):
                receiver.bind((target.address, 0))
                receiver.settimeout(GENEROUS_S)
                size = struct.pack("=H", 1200)
                control = [(socket.IPPROTO_UDP, UDP_SEGMENT, size)]
                sender.sendmsg([b"".join(sent)], control, 0, receiver.getsockname())
                assert [receiver.recv(2000) for _ in sent] == sent


def test_the_kernel_hashes_its_source_port_and_vtep_sends_to_the_configured_port() -> None:
    with mixed() as both, both.lab.h2.capture(both.lab.h2.device, is_vxlan) as underlay:
        assert ping(both.lab.c2, both.lab.c1.address, count=3)
        theirs = [f for f in underlay.frames() if f[26:30] == bytes([10, 0, 1, 41])]
        ours = [f for f in underlay.frames() if f[26:30] == bytes([10, 0, 1, 4])]
        assert any(frame[34:36] != b"\x12\xb5" for frame in theirs)
        assert len(ours) >= 3
        assert all(frame[36:38] == b"\x12\xb5" for frame in ours)


def test_the_kernel_learns_from_vtep_and_vtep_from_the_kernel() -> None:
    with mixed() as both:
        assert ping(both.lab.c1, both.lab.c2.address)
        c1, c2 = (c.link("eth0")["address"] for c in (both.lab.c1, both.lab.c2))
        learned = both.lab.h2.bridge_command("fdb", "show", "dev", "vx0")
        assert f"{c1} dst 10.0.1.4 self" in learned
        assert {"mac": c2, "dst": "10.0.1.41"}.items() <= next(
            entry.items() for entry in both.ours.fdb() if entry["mac"] == c2
        )


def test_a_kernel_without_learning_works_with_static_entries() -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2):
        mac = lab.c1.link("eth0")["address"]
        lab.h2.ip(
            *["link", "add", "vx0", "type", "vxlan", "id", "100", "dstport", "4789"],
            *["local", lab.h2.address, "dev", lab.h2.device, "nolearning"],
        )
        for entry in (mac, "00:00:00:00:00:00"):
            lab.h2.bridge_command("fdb", "append", entry, "dev", "vx0", "dst", lab.h1.address)
        lab.h2.ip("link", "set", "vx0", "master", "br0", "up")
        assert ping(lab.c2, lab.c1.address, count=3).received == 3
        assert ping(lab.c1, lab.c2.address, count=3).received == 3


def test_another_vni_of_the_kernel_is_counted() -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2) as ours:
        lab.h2.kernel_vxlan("vx0", 101, lab.h1.address, "br0")
        assert not ping(lab.c2, lab.c1.address, timeout=0.1)
        wait_until(
            lambda: ours.counters()["underlay"]["drops"].get("unknown_vni", 0) > 0,
            what="unknown_vni to be counted",
        )


def test_vni_0_and_the_largest_vni() -> None:
    with two_hosts() as lab:
        for vni in (0, 16777215):
            options = ["--tap", "vx0", "--peer", lab.h2.address, "--bridge", "br0"]
            with lab.h1.vtep("--vni", str(vni), *options):
                lab.h2.kernel_vxlan("vx0", vni, lab.h1.address, "br0")
                wait_until(
                    lambda: ping(lab.c1, lab.c2.address, timeout=1), what=f"VNI {vni} to carry"
                )
            lab.h2.ip("link", "del", "vx0")


def test_the_kernels_default_port_is_used_on_request() -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2, "--dstport", "8472"):
        lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0", port=8472)
        assert ping(lab.c1, lab.c2.address, count=3).received == 3
