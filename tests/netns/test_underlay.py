"""Packets on the underlay: receivers, outer headers, path MTU and unknown senders."""

import signal
import socket

import pytest

from tests.netns.tunnels import tunnel
from vtep.lab import Daemon, Host, Lab, TwoHosts, is_vxlan, ping, wait_until
from vtep.wire import vxlan

pytestmark = pytest.mark.netns

FRAME = bytes.fromhex("ffffffffffff0200000000ee88b5") + bytes(46)


def send(host: Host, source: str, target: str, datagram: bytes) -> None:
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.sendto(datagram, (target, vxlan.PORT))


def drops(daemon: Daemon) -> dict[str, int]:
    """Return the drops of the overlay: reason -> frames."""
    counted: dict[str, int] = daemon.counters()["overlays"]["100"]["drops"]
    return counted


def test_broadcasts_go_to_every_peer_and_answers_to_one() -> None:
    with Lab() as lab:
        hosts = lab.hosts(3)
        containers = []
        for number, host in enumerate(hosts, 1):
            host.bridge("br0")
            containers.append(host.container(f"c{number}", "br0", f"172.18.0.1{number}/16"))
        peers = {h: [("--peer", other.address) for other in hosts if other is not h] for h in hosts}
        common = ["--tap", "vx0", "--vni", "100", "--bridge", "br0"]
        with (
            hosts[0].vtep(*common, *sum(peers[hosts[0]], ())) as first,
            hosts[1].vtep(*common, *sum(peers[hosts[1]], ())) as second,
            hosts[2].vtep(*common, *sum(peers[hosts[2]], ())) as third,
        ):
            assert ping(containers[0], "172.18.0.12", count=5)
            assert ping(containers[0], "172.18.0.13", count=5)
            assert ping(containers[1], "172.18.0.13", count=5)
            overlays = [d.counters()["overlays"]["100"] for d in (first, second, third)]
            for overlay in overlays:
                assert overlay["drops"].keys() <= {"local_destination"}
            unicast = [o["tx_frames"] - 2 * sum(o["flooded"].values()) for o in overlays]
            # 10 echo requests or replies each, and some ARP: known destinations are not flooded
            assert all(10 <= count <= 16 for count in unicast), overlays


def test_the_outer_packet_has_df_set_a_checksum_and_the_port(lab: TwoHosts) -> None:
    with (
        tunnel(lab.h1, lab.h2),
        tunnel(lab.h2, lab.h1),
        lab.h2.capture(lab.h2.device, is_vxlan) as underlay,
    ):
        assert ping(lab.c1, lab.c2.address, size=1450 - 28, dont_fragment=True)
        frames = underlay.frames()
        assert max(map(len, frames)) == 14 + 1500
        for frame in frames:
            assert frame[20:22] == b"\x40\x00"
            assert frame[36:38] == (4789).to_bytes(2, "big")
            assert frame[40:42] != b"\0\0"
            assert frame[42:50] == vxlan.pack(100)


def test_a_datagram_above_the_path_mtu_is_counted_and_never_fragmented(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2) as first, tunnel(lab.h2, lab.h1):
        assert ping(lab.c1, lab.c2.address)
        lab.h1.ip("link", "set", lab.h1.device, "mtu", "1400")
        assert not ping(lab.c1, lab.c2.address, size=1400, timeout=0.2)
        wait_until(lambda: drops(first))
        assert drops(first) == {"underlay_mtu": 1}
        assert ping(lab.c1, lab.c2.address, size=1300)


def test_an_unreachable_peer_is_counted_and_reached_again_later(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2) as first, tunnel(lab.h2, lab.h1):
        assert ping(lab.c1, lab.c2.address)
        lab.h1.ip("link", "set", lab.h1.device, "down")
        assert not ping(lab.c1, lab.c2.address, timeout=0.1)
        wait_until(lambda: "no_route" in drops(first), seen=lambda: drops(first))
        lab.h1.ip("link", "set", lab.h1.device, "up")
        wait_until(lambda: ping(lab.c1, lab.c2.address, timeout=1), what="the tunnel to work again")


def test_an_unknown_sender_is_dropped_without_accept_any(lab: TwoHosts) -> None:
    lab.h2.ip("address", "add", "10.0.1.99/24", "dev", lab.h2.device)
    datagram = vxlan.pack(100) + FRAME
    with tunnel(lab.h1, lab.h2) as first, lab.c1.capture("eth0") as seen:
        send(lab.h2, "10.0.1.99", lab.h1.address, datagram)
        wait_until(
            lambda: first.counters()["overlays"]["100"]["drops"].get("unknown_peer") == 1,
            what="the unknown sender to be counted",
        )
        send(lab.h2, lab.h2.address, lab.h1.address, datagram)
        assert [frame for frame in seen.wait() if frame[6:12] == FRAME[6:12]] == [FRAME]
    with tunnel(lab.h1, lab.h2, "--accept-any") as first, lab.c1.capture("eth0") as seen:
        send(lab.h2, "10.0.1.99", lab.h1.address, datagram)
        assert FRAME in seen.wait()
        [entry] = [e for e in first.fdb() if e["mac"] == "02:00:00:00:00:ee"]
        assert entry["dst"] == "10.0.1.99"


def test_a_link_local_sender_is_answered_by_its_device(lab: TwoHosts) -> None:
    for host, address in ((lab.h1, "fe80::4/64"), (lab.h2, "fe80::41/64")):
        host.ip("address", "add", address, "dev", host.device, "nodad")
        host.ip("address", "add", address, "dev", "br0", "nodad")
    common = ["--tap", "vx0", "--vni", "100", "--bridge", "br0", "--mtu", "1430"]
    with (
        lab.h1.vtep(*common, "--local", "::", "--accept-any"),
        lab.h2.vtep(*common, "--peer", f"fe80::4%{lab.h2.device}"),
    ):
        assert ping(lab.c2, lab.c1.address, count=3).received == 3


def test_drops_of_the_full_receive_buffer_are_counted(lab: TwoHosts) -> None:
    sent = 40_000
    datagram = vxlan.pack(100) + FRAME
    with tunnel(lab.h1, lab.h2) as first:
        first.process.signal(signal.SIGSTOP)
        with lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((lab.h2.address, 0))
            for _ in range(sent):
                sender.sendto(datagram, (lab.h1.address, vxlan.PORT))
        first.process.signal(signal.SIGCONT)

        def counted() -> tuple[int, int]:
            tree = first.counters()
            lost = tree["underlay"]["drops"].get("receive_full", 0)
            return lost, tree["overlays"]["100"]["rx_frames"]

        wait_until(lambda: sum(counted()) == sent, what=f"{sent} datagrams", seen=counted)
        assert all(counted())


def test_drops_of_the_full_tap_queue_are_counted(lab: TwoHosts) -> None:
    sent = 5_000
    with tunnel(lab.h1, lab.h2) as first:
        before = first.counters()["overlays"]["100"]["tx_frames"]
        first.process.signal(signal.SIGSTOP)
        with lab.c1.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("eth0", 0))
            for _ in range(sent):
                sender.send(FRAME)
        first.process.signal(signal.SIGCONT)

        def counted() -> tuple[int, int]:
            tree = first.counters()
            lost = tree["taps"]["vx0"]["drops"].get("tap_overrun", 0)
            return lost, tree["overlays"]["100"]["tx_frames"] - before

        wait_until(lambda: sum(counted()) == sent, what=f"{sent} frames", seen=counted)
        assert all(counted())


def test_a_zero_udp_checksum_is_accepted(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2), lab.c1.capture("eth0") as seen:
        with lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
            sender.sendto(vxlan.pack(100) + FRAME, (lab.h1.address, vxlan.PORT))
        assert FRAME in seen.wait()


def test_a_wrong_udp_checksum_is_dropped(lab: TwoHosts) -> None:
    from scapy.layers.inet import IP, UDP

    packet = IP(src=lab.h2.address, dst=lab.h1.address) / UDP(sport=9, dport=4789, chksum=0x1234)
    with tunnel(lab.h1, lab.h2) as first, lab.c1.capture("eth0") as seen:
        with lab.h2.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(bytes(packet / (vxlan.pack(100) + FRAME)), (lab.h1.address, 0))
            other = FRAME[:-1] + b"\x01"
            send(lab.h2, lab.h2.address, lab.h1.address, vxlan.pack(100) + other)
        arrived = [frame for frame in seen.wait() if frame[6:12] == FRAME[6:12]]
        assert arrived == [other]
        assert first.counters()["overlays"]["100"]["rx_frames"] == 1


def test_without_a_bridge_the_tap_can_have_an_address(lab: TwoHosts) -> None:
    plain = ["--tap", "vx0", "--vni", "100", "--peer"]
    with lab.h1.vtep(*plain, lab.h2.address), lab.h2.vtep(*plain, lab.h1.address):
        lab.h1.ip("address", "add", "192.168.7.1/24", "dev", "vx0")
        lab.h2.ip("address", "add", "192.168.7.2/24", "dev", "vx0")
        assert ping(lab.h1, "192.168.7.2", count=3).received == 3
