"""--uplink inject: the kernel forwards whole packets; the socket is the fallback."""

import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pyroute2.nftables.main import NFTables

from tests.netns.tunnels import tunnel
from vtep.host import netfilter
from vtep.host.linux import UDP_SEGMENT
from vtep.lab import (
    GENEROUS_S,
    Daemon,
    Host,
    TwoHosts,
    is_vxlan,
    ping,
    transfer,
    two_hosts,
    wait_until,
)
from vtep.lab.topology import Family
from vtep.wire import ip, vxlan
from vtep.wire.checksum import ones_sum

pytestmark = pytest.mark.netns

FAMILIES: list[Family] = [4, 6]
UNDERLAYS = pytest.mark.parametrize("wire", [False, True], ids=["veth", "wire"])
PEERS = pytest.mark.parametrize("peer", ["ours", "kernel"])
OVER = pytest.mark.parametrize("family", FAMILIES)

INJECT = ("--uplink", "inject")
IPV6_INSIDE = ("fd00:18::11", "fd00:18::12")


@contextmanager
def injecting(
    family: Family = 4, *, wire: bool = False, peer: str = "ours"
) -> Iterator[tuple[TwoHosts, Daemon]]:
    """Yield a lab whose h1 injects; h2 runs an injecting vtep too, or the kernel's vxlan."""
    mtu = 1450 if family == 4 else 1430
    with two_hosts(family, wire=wire, container_mtu=mtu) as lab:
        for container, address in zip((lab.c1, lab.c2), IPV6_INSIDE, strict=True):
            container.ip("address", "add", f"{address}/64", "dev", "eth0", "nodad")
        with tunnel(lab.h1, lab.h2, *INJECT) as ours:
            if peer == "ours":
                with tunnel(lab.h2, lab.h1, *INJECT):
                    yield lab, ours
            else:
                lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0")
                yield lab, ours


def forwarded(host: Host, family: Family = 4) -> int:
    """Return the number of packets that the kernel of *host* has forwarded."""
    if family == 6:
        table = host.run(["cat", "/proc/net/snmp6"]).stdout.split()
        return int(table[table.index("Ip6OutForwDatagrams") + 1])
    lines = host.run(["cat", "/proc/net/snmp"]).stdout.splitlines()
    names, numbers = (line.split() for line in lines if line.startswith("Ip:"))
    return int(numbers[names.index("ForwDatagrams")])


def uplink_log(ours: Daemon) -> list[tuple[str, str]]:
    """Return (level, message) of every log record about the uplink."""
    return [(r["level"], r["message"]) for r in ours.log if r["message"].startswith("uplink")]


def drops(ours: Daemon) -> dict[str, int]:
    tree: dict[str, Any] = ours.counters()
    found = Counter(tree["underlay"]["drops"]) + Counter(tree["overlays"]["100"]["drops"])
    del found["local_destination"]
    return dict(found)


@OVER
@UNDERLAYS
@PEERS
def test_20_megabytes_arrive_in_both_directions(family: Family, wire: bool, peer: str) -> None:
    with injecting(family, wire=wire, peer=peer) as (lab, ours):
        before = forwarded(lab.h1, family)
        assert ping(lab.c1, lab.c2.address, count=3).received == 3
        transfer(lab.c1, lab.c2, 20_000_000)
        transfer(lab.c2, lab.c1, 20_000_000)
        transfer(lab.c1, lab.c2, 20_000_000, address=IPV6_INSIDE[1])
        transfer(lab.c2, lab.c1, 20_000_000, address=IPV6_INSIDE[0])
        assert drops(ours) == {}
        assert forwarded(lab.h1, family) - before > 40_000_000 // 65536
        assert uplink_log(ours) == [("info", "uplink inject, by device vx0-up")]
        overlay = ours.counters()["overlays"]["100"]
        assert overlay["tx_bytes"] > 40_000_000
        assert overlay["tx_bytes"] / overlay["tx_frames"] < 1464


@OVER
def test_packets_on_a_wire_are_complete_and_as_the_socket_sends_them(family: Family) -> None:
    with injecting(family, wire=True, peer="kernel") as (lab, _):
        with lab.h1.capture(lab.h1.device, is_vxlan) as underlay:
            transfer(lab.c1, lab.c2, 1_000_000)
            transfer(lab.c1, lab.c2, 1_000_000, address=IPV6_INSIDE[1])
            assert ping(lab.c1, lab.c2.address)
            frames = underlay.frames()
        own = lab.h1.link(lab.h1.device)["address"]
        sent = [f for f in frames if f[6:12] == bytes.fromhex(own.replace(":", ""))]
        assert len(sent) > 2_000_000 // 1400
        l4 = 34 if family == 4 else 54
        for frame in sent:
            assert len(frame) <= 1514
            if family == 4:
                assert ones_sum(frame[14:34]) == 0xFFFF
                assert (frame[20:22], frame[22]) == (b"\x40\x00", 64)
            else:
                assert frame[21] == 64
            source, target = struct.unpack_from(">HH", frame, l4)
            assert (source in range(49152, 65536), target) == (True, vxlan.PORT)
            assert sums_up(frame)
            assert frame[l4 + 8 : l4 + 16] == vxlan.pack(100)
            inner = frame[l4 + 16 :]
            if inner[12:14] != b"\x08\x06":
                assert sums_up(inner), inner.hex()


def sums_up(frame: bytes) -> bool:
    """Tell whether the IP (version 4) and the transport checksum of a frame are right."""
    found = ip.locate(frame)
    assert found is not None
    assert found.end == len(frame)
    if found.version == 4 and ones_sum(frame[found.l3 : found.l4]) != 0xFFFF:
        return False
    if found.protocol not in (ip.TCP, ip.UDP):
        return True
    pseudo = ip.pseudo_header_sum(frame, found, found.end - found.l4)
    return (pseudo + ones_sum(frame[found.l4 :])) % 0xFFFF == 0


@UNDERLAYS
@PEERS
def test_udp_gso_frames_of_the_containers_arrive_as_datagrams(wire: bool, peer: str) -> None:
    sent = [bytes([number]) * 1200 for number in range(40)] + [b"short"]
    with injecting(wire=wire, peer=peer) as (lab, ours):
        for source, target in ((lab.c1, lab.c2), (lab.c2, lab.c1)):
            assert ping(source, target.address)
            with (
                target.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
                source.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
            ):
                receiver.bind((target.address, 0))
                receiver.settimeout(GENEROUS_S)
                control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", 1200))]
                sender.sendmsg([b"".join(sent)], control, 0, receiver.getsockname())
                assert [receiver.recv(2000) for _ in sent] == sent
        assert drops(ours) == {}


def test_without_a_prerequisite_the_socket_is_used_and_the_log_says_why() -> None:
    with two_hosts() as lab:
        lab.h1.sysctl("net.ipv4.conf.all.rp_filter", "1")
        with tunnel(lab.h1, lab.h2, *INJECT) as ours, tunnel(lab.h2, lab.h1):
            [(level, line)] = uplink_log(ours)
            assert level == "warning"
            assert line.startswith("uplink socket, not inject: ")
            assert "net.ipv4.conf.all.rp_filter=2" in line
            assert "--uplink-setup" in line
            assert not lab.h1.has_link("vx0-up")
            before = forwarded(lab.h1)
            transfer(lab.c1, lab.c2, 1_000_000)
            assert forwarded(lab.h1) == before
        with tunnel(lab.h1, lab.h2, *INJECT, "--uplink-setup") as ours, tunnel(lab.h2, lab.h1):
            assert uplink_log(ours) == [("info", "uplink inject, by device vx0-up")]
            transfer(lab.c1, lab.c2, 1_000_000)
            assert forwarded(lab.h1) > before
        assert lab.h1.run(["cat", "/proc/sys/net/ipv4/conf/all/rp_filter"]).stdout == "1\n"


def firewall() -> None:
    """Drop forwarded packets except those from br0, as Docker does for its own bridges."""
    nft = NFTables(nfgen_family=2)
    nft.table("add", name="filter")
    nft.chain("add", table="filter", name="FORWARD", hook="forward", type="filter", policy=0)
    nft.close()
    netfilter.accept(netfilter.ForwardChain(2, "filter", "FORWARD", refuses=True), "br0")


def test_a_forward_policy_of_drop_gets_a_rule_on_request() -> None:
    with two_hosts() as lab:
        lab.h1.call(firewall)
        with tunnel(lab.h1, lab.h2, *INJECT) as ours, tunnel(lab.h2, lab.h1):
            [(level, line)] = uplink_log(ours)
            assert (level, "ip filter FORWARD" in line) == ("warning", True)
            transfer(lab.c1, lab.c2, 1_000_000)
        with tunnel(lab.h1, lab.h2, *INJECT, "--uplink-setup") as ours, tunnel(lab.h2, lab.h1):
            before = forwarded(lab.h1)
            transfer(lab.c1, lab.c2, 1_000_000)
            assert forwarded(lab.h1) > before
            assert drops(ours) == {}


@UNDERLAYS
def test_auto_selects_by_the_segmentation_of_the_device(wire: bool) -> None:
    with (
        two_hosts(wire=wire) as lab,
        tunnel(lab.h1, lab.h2, "--uplink", "auto") as ours,
        tunnel(lab.h2, lab.h1),
    ):
        [(level, line)] = uplink_log(ours)
        assert level == "info"
        assert line.startswith(
            "uplink socket, not inject: device u1: " if wire else "uplink inject"
        )
        transfer(lab.c1, lab.c2, 1_000_000)


def down(lab: TwoHosts) -> None:
    lab.h1.ip("link", "set", "vx0-up", "down")


def delete(lab: TwoHosts) -> None:
    lab.h1.ip("link", "del", "vx0-up")


def close_the_firewall(lab: TwoHosts) -> None:
    lab.h1.call(firewall)


@pytest.mark.parametrize("harm", [down, delete, close_the_firewall])
def test_it_falls_back_to_the_socket_when_injecting_fails(
    harm: Callable[[TwoHosts], None],
) -> None:
    with injecting() as (lab, ours):
        assert ping(lab.c1, lab.c2.address)
        harm(lab)
        wait_until(lambda: ping(lab.c1, lab.c2.address, timeout=1), what="the socket to be used")
        (_, _), (level, line) = uplink_log(ours)
        assert level == "warning"
        assert line.startswith("uplink socket from now on: ")
        lost = drops(ours)
        assert lost.keys() <= {"inject_refused", "not_forwarded"}
        assert sum(lost.values()) > 0
        transfer(lab.c1, lab.c2, 1_000_000)
        assert drops(ours) == lost


def test_packets_above_the_path_mtu_are_counted_and_never_fragmented() -> None:
    with injecting() as (lab, ours):
        assert ping(lab.c1, lab.c2.address)
        with lab.h2.capture(lab.h2.device, is_vxlan) as underlay:
            lab.h1.ip("link", "set", lab.h1.device, "mtu", "1400")
            sent = 0

            def counted() -> dict[str, int]:
                nonlocal sent
                sent += 1
                assert not ping(lab.c1, lab.c2.address, size=1400, timeout=0.1)
                return drops(ours)

            wait_until(lambda: "underlay_mtu" in counted(), what="underlay_mtu to be counted")
            wait_until(lambda: sum(drops(ours).values()) == sent, seen=lambda: drops(ours))
            assert ping(lab.c1, lab.c2.address, size=1300)
            assert all(frame[20:22] == b"\x40\x00" for frame in underlay.frames())


def test_injecting_resumes_when_the_path_mtu_is_large_enough() -> None:
    with injecting() as (lab, ours):
        assert ping(lab.c1, lab.c2.address)
        lab.h1.ip("link", "set", lab.h1.device, "mtu", "1400")

        def injects() -> bool:
            before = forwarded(lab.h1)
            assert ping(lab.c1, lab.c2.address)
            return forwarded(lab.h1) > before

        wait_until(lambda: not injects(), what="the socket to be used")
        lab.h1.ip("link", "set", lab.h1.device, "mtu", "1500")
        wait_until(injects, what="packets to be injected again")
        assert drops(ours) == {}


def test_all_changes_are_reverted_at_exit() -> None:
    with two_hosts() as lab:

        def state() -> tuple[list[str], str]:
            links = json.loads(lab.h1.ip("-j", "address"))
            return [f"{link['ifname']} {link['addr_info']}" for link in links], lab.h1.ip("rule")

        before = state()
        with tunnel(lab.h1, lab.h2, *INJECT) as ours:
            assert lab.h1.has_link("vx0-up")
            assert ours.stop() == 0
        assert state() == before
        with tunnel(lab.h1, lab.h2, *INJECT) as ours:
            ours.kill()
        wait_until(lambda: not lab.h1.has_link("vx0-up"), what="the device to go")
