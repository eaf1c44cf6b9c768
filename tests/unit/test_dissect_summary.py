"""dissect.summary: a frame in one line."""

import pytest

from tests.frames import ARP, BROADCAST, ICMP, IP, MAC_A, MAC_B, TCP, UDP, IPv6, frame
from vtep.dissect import Summary, dissect, summarize, summarize_frame
from vtep.wire import vxlan

PING = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / ICMP() / bytes(56))
V4, V6 = {"src": "10.0.0.1", "dst": "10.0.0.2"}, {"src": "fd00::1", "dst": "fd00::2"}


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (PING, ("ICMP echo request", "172.18.0.11", "172.18.0.12")),
        (
            frame(dst=BROADCAST, inner=ARP(psrc="10.0.0.1", pdst="10.0.0.2")),
            ("ARP who has 10.0.0.2?", "10.0.0.1", "10.0.0.2"),
        ),
        (
            frame(vlan=7, inner=ARP(op=2, hwsrc=MAC_A, psrc="10.0.0.1", pdst="10.0.0.2")),
            (f"ARP 10.0.0.1 is at {MAC_A}", "10.0.0.1", "10.0.0.2"),
        ),
        (frame(inner=ARP(op=9, psrc="10.0.0.1", pdst="10.0.0.2")),
         ("ARP operation 9", "10.0.0.1", "10.0.0.2")),
        (frame(inner=IPv6(**V6) / TCP(sport=1, dport=2)), ("TCP 1 > 2", "fd00::1", "fd00::2")),
        (
            frame(inner=IP(**V4, proto=89) / bytes(4)),
            ("IPv4 protocol 89 (OSPF)", "10.0.0.1", "10.0.0.2"),
        ),
        (
            frame(inner=IPv6(**V6, nh=60) / bytes.fromhex("5900010400000000")),
            ("IPv6 protocol 89 (OSPF)", "fd00::1", "fd00::2"),
        ),
        (frame(inner=IP(**V4, frag=3) / bytes(8)), ("IPv4 fragment", "10.0.0.1", "10.0.0.2")),
        (frame(inner=IP(**V4) / ICMP())[:30], ("IPv4, cut short", MAC_A, MAC_B)),
        (frame(inner=IP(**V4) / ICMP(type=77)), ("ICMP type 77", "10.0.0.1", "10.0.0.2")),
        (frame(), ("ethertype 0x88b5", MAC_A, MAC_B)),
        (frame()[:12] + b"\0\x26" + bytes(38), ("802.3 frame", MAC_A, MAC_B)),
        (b"\x01\x02", ("no frame: 2 of 14 bytes", "?", "?")),
        (b"", ("no frame: 0 of 14 bytes", "?", "?")),
    ],
)  # fmt: skip
def test_a_frame_has_a_summary(octets: bytes, expected: tuple[str, str, str]) -> None:
    assert summarize_frame(octets) == expected


def test_a_summary_is_one_line() -> None:
    assert str(summarize_frame(PING)) == "172.18.0.11 > 172.18.0.12 ICMP echo request"


def test_every_beginning_of_a_frame_has_a_summary() -> None:
    for whole in (PING, frame(vlan=7, inner=ARP()), frame(inner=IPv6() / UDP())):
        for length in range(len(whole)):
            assert summarize_frame(whole[:length]).what


def test_one_side_of_a_tunnel_has_its_own_summary() -> None:
    headers = dissect(vxlan.pack(100) + PING, "vxlan")
    inner = [header for header in headers if header.key.startswith("inner_")]
    assert summarize(inner) == Summary("ICMP echo request", "172.18.0.11", "172.18.0.12")
