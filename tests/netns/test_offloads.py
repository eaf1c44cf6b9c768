"""The tunnel works with every set of kernel offloads, and logs the set at its start."""

import re
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
SEGMENT = f"udp segment {MOST}"
LOGGED = {
    "auto": ["tap tso4 tso6 uso", SEGMENT, "udp gro"],
    "none": ["no tap vnet", "no udp segment", "no udp gro"],
    "vnet": ["tap checksums", "no tap tso", "no tap uso", "no udp segment", "no udp gro"],
    "segment,gro": ["no tap vnet", SEGMENT, "udp gro"],
    "vnet,tso,segment,gro": ["tap tso4 tso6", "no tap uso", SEGMENT, "udp gro"],
    "vnet,tso,uso,gro": ["tap tso4 tso6 uso", "no udp segment", "udp gro"],
    "vnet,tso,uso,segment": ["tap tso4 tso6 uso", SEGMENT, "no udp gro"],
}
"""The parts of the log line for each value of --offload, without the remarks in parentheses."""
each = pytest.mark.parametrize("offload", LOGGED)


def logged(daemon: Daemon) -> list[list[str]]:
    """Return the parts of every log line about offloads."""
    messages = [str(record["message"]) for record in daemon.log]
    lines = [message for message in messages if message.startswith("offloads: ")]
    return [
        re.sub(r" \([^)]*\)", "", line).removeprefix("offloads: ").split(", ") for line in lines
    ]


def carries(first: Container, second: Container) -> None:
    assert ping(first, second.address, count=3).received == 3
    transfer(first, second, OCTETS)
    transfer(second, first, OCTETS)
    carries_datagrams(first, second)
    carries_datagrams(second, first)


def carries_datagrams(source: Container, target: Container) -> None:
    """Send many datagrams in one call, as QUIC does; all must arrive unchanged."""
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
def test_two_vteps_carry_traffic(offload: str) -> None:
    with (
        two_hosts() as lab,
        tunnel(lab.h1, lab.h2, "--offload", offload) as first,
        tunnel(lab.h2, lab.h1, "--offload", offload) as second,
    ):
        assert logged(first) == logged(second) == [LOGGED[offload]]
        carries(lab.c1, lab.c2)
        nothing_was_lost(first)
        nothing_was_lost(second)


@each
def test_two_vteps_with_different_offloads_carry_traffic(offload: str) -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2, "--offload", offload), tunnel(lab.h2, lab.h1):
        carries(lab.c1, lab.c2)


@pytest.mark.parametrize("tx_offload", [False, True])
@each
def test_a_vtep_and_the_kernels_vxlan_carry_traffic(offload: str, tx_offload: bool) -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2, "--offload", offload) as ours:
        lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0", tx_offload=tx_offload)
        carries(lab.c1, lab.c2)
        nothing_was_lost(ours)


def test_the_text_log_has_the_line_too(lab: TwoHosts) -> None:
    process = lab.h1.start(join(lab.h2))
    wait_until(lambda: "INFO ready" in process.stderr(), what="the start", seen=process.stderr)
    assert f"INFO offloads: {', '.join(LOGGED['auto'])}" in process.stderr().splitlines()
    assert process.stop() == 0


def test_a_lowered_path_mtu_drops_only_datagrams_that_are_too_large(lab: TwoHosts) -> None:
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
