"""Whatever the kernel does for us, or does not, the tunnel carries, and says how at its start."""

import socket
import struct

import pytest

from tests.netns.tunnels import join, tunnel
from vtep.host.linux import UDP_SEGMENT
from vtep.host.probe import most_segments
from vtep.lab import GENEROUS_S, Container, Daemon, TwoHosts, ping, transfer, two_hosts, wait_until

pytestmark = pytest.mark.netns

OCTETS = 20_000_000
MOST = most_segments()
SAID = {
    "auto": f"tap tso4 tso6 uso, udp segment {MOST}, udp gro",
    "none": "tap without virtio headers (each frame finished and alone), "
    "no udp segment (each datagram is sent alone), no udp gro (each datagram is received alone)",
    "vnet": "tap checksums, no tap tso (the kernel cuts TCP before we read it), "
    "no tap uso (UDP is cut before the TAP, on either side), "
    "no udp segment (each datagram is sent alone), no udp gro (each datagram is received alone)",
    "segment,gro": "tap without virtio headers (each frame finished and alone), "
    f"udp segment {MOST}, udp gro",
    "vnet,tso,segment,gro": "tap tso4 tso6, "
    f"no tap uso (UDP is cut before the TAP, on either side), udp segment {MOST}, udp gro",
    "vnet,tso,uso,gro": "tap tso4 tso6 uso, no udp segment (each datagram is sent alone), udp gro",
    "vnet,tso,uso,segment": f"tap tso4 tso6 uso, udp segment {MOST}, "
    "no udp gro (each datagram is received alone)",
}
each = pytest.mark.parametrize("offload", SAID)


def said(daemon: Daemon) -> list[str]:
    messages = [str(record["message"]) for record in daemon.log]
    return [message for message in messages if message.startswith("offloads: ")]


def carries(first: Container, second: Container) -> None:
    assert ping(first, second.address, count=3).received == 3
    transfer(first, second, OCTETS)
    transfer(second, first, OCTETS)
    carries_datagrams(first, second)
    carries_datagrams(second, first)


def carries_datagrams(source: Container, target: Container) -> None:
    """Many in one call, as QUIC sends them; none may be lost or change its bounds."""
    sent = [bytes([number]) * 1200 for number in range(20)] + [b"short"]
    with (
        target.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        source.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((target.address, 0))
        receiver.settimeout(GENEROUS_S)
        control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", 1200))]
        sender.sendmsg([b"".join(sent)], control, 0, receiver.getsockname())
        assert [receiver.recv(2000) for _ in sent] == sent


def nothing_was_lost(daemon: Daemon) -> None:
    tree = daemon.counters()
    assert tree["underlay"]["drops"] == {}
    assert tree["overlays"]["100"]["drops"].keys() <= {"local_destination"}


@each
def test_ours_and_ours(offload: str) -> None:
    with (
        two_hosts() as lab,
        tunnel(lab.h1, lab.h2, "--offload", offload) as first,
        tunnel(lab.h2, lab.h1, "--offload", offload) as second,
    ):
        assert said(first) == said(second) == [f"offloads: {SAID[offload]}"]
        carries(lab.c1, lab.c2)
        nothing_was_lost(first)
        nothing_was_lost(second)


@each
def test_one_end_without_and_one_with_all(offload: str) -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2, "--offload", offload), tunnel(lab.h2, lab.h1):
        carries(lab.c1, lab.c2)


@pytest.mark.parametrize("tx_offload", [False, True])
@each
def test_ours_and_the_kernels(offload: str, tx_offload: bool) -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2, "--offload", offload) as ours:
        lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0", tx_offload=tx_offload)
        carries(lab.c1, lab.c2)
        nothing_was_lost(ours)


def test_the_line_stands_in_the_text_log_too(lab: TwoHosts) -> None:
    process = lab.h1.start(join(lab.h2))
    wait_until(lambda: "INFO ready" in process.stderr(), what="the start", seen=process.stderr)
    assert f"INFO offloads: {SAID['auto']}" in process.stderr().splitlines()
    assert process.stop() == 0


def test_a_path_that_became_narrower_loses_only_what_is_too_large(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2) as first, tunnel(lab.h2, lab.h1):
        assert ping(lab.c1, lab.c2.address)
        lab.h1.ip("link", "set", lab.h1.device, "mtu", "1000")
        with lab.c2.capture("eth0", lambda frame: frame[-5:] == b"short") as seen:
            with lab.c1.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                size = struct.pack("=H", 1200)
                control = [(socket.IPPROTO_UDP, UDP_SEGMENT, size)]
                sender.sendmsg([bytes(1200 * 20) + b"short"], control, 0, (lab.c2.address, 9))
            seen.wait()
        assert first.counters()["overlays"]["100"]["drops"] == {"underlay_mtu": 20}
        lab.h1.ip("link", "set", lab.h1.device, "mtu", "1500")
        transfer(lab.c1, lab.c2, 1_000_000)
        assert not [record for record in first.log if "UDP_SEGMENT" in record["message"]]
