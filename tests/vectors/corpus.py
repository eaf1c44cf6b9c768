"""A fixed corpus of valid and invalid VXLAN frames; scapy builds the valid ones."""

import random
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, LLC, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Packet, Raw

HERE = Path(__file__).parent
SEED = 7348

Named = tuple[str, bytes]

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
IPS = {"src": "10.9.0.1", "dst": "10.9.0.2"}
IP6S = {"src": "fd00::1", "dst": "fd00::2"}
PLAIN = bytes.fromhex("0800000000006400")


def inner_frames() -> Iterator[Named]:
    """Yield inner frames."""
    to_b, to_all = Ether(src=A, dst=B), Ether(src=A, dst="ff:ff:ff:ff:ff:ff")
    data = Raw(bytes(range(40)))
    syn = TCP(sport=40000, dport=80, flags="S", options=[("MSS", 1460), ("NOP", None)])
    pushed = TCP(sport=40000, dport=80, flags="PA", seq=7, ack=9, window=502)
    all_flags = TCP(sport=1, dport=2, flags="FSRPAUEC", urgptr=3, reserved=5)
    extensions = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
    packets: dict[str, Packet] = {
        "ARP request": to_all / ARP(op=1, hwsrc=A, psrc="10.9.0.1", pdst="10.9.0.2"),
        "ARP reply": to_b / ARP(op=2, hwsrc=A, hwdst=B, psrc="10.9.0.1", pdst="10.9.0.2"),
        "ARP padded": to_all
        / ARP(op=1, hwsrc=A, psrc="10.9.0.1", pdst="10.9.0.2")
        / Raw(bytes(18)),
        "ICMP echo": to_b / IP(**IPS) / ICMP(id=17, seq=3) / data,
        "ICMP echo reply": to_b / IP(**IPS) / ICMP(type=0, id=17, seq=3) / data,
        "ICMP too long": to_b / IP(**IPS) / ICMP(type=3, code=4, nexthopmtu=1450),
        "UDP": to_b / IP(**IPS) / UDP(sport=5000, dport=5001) / data,
        "UDP without checksum": to_b / IP(**IPS) / UDP(sport=5000, dport=5001, chksum=0) / data,
        "UDP padded": to_b / IP(**IPS) / UDP(sport=5000, dport=5001) / Raw(b"x"),
        "TCP SYN": to_b / IP(**IPS, flags="DF") / syn,
        "TCP data": to_b / IP(**IPS, tos=0x2B, id=77) / pushed / data,
        "TCP all flags": to_b / IP(**IPS) / all_flags / data,
        "IPv4 options": to_b / IP(**IPS, options=IPOption(b"\x94\x04\0\0")) / pushed,
        "IPv4 first fragment": to_b / IP(**IPS, flags="MF", id=5) / UDP(sport=1, dport=2) / data,
        "IPv4 fragment": to_b / IP(**IPS, frag=3, id=6) / data,
        "IPv4 GRE": to_b / IP(**IPS, proto=253) / data,
        "IPv6 UDP": to_b / IPv6(**IP6S, fl=0x12345, tc=0xB9) / UDP(sport=5000, dport=5001) / data,
        "IPv6 TCP": to_b / IPv6(**IP6S, hlim=3) / pushed / data,
        "IPv6 echo": to_b / IPv6(**IP6S) / ICMPv6EchoRequest(id=5, seq=6, data=b"abcdefgh"),
        "IPv6 echo reply": to_b / IPv6(**IP6S) / ICMPv6EchoReply(id=5, seq=6, data=b"abcdefgh"),
        "IPv6 neighbor": to_b / IPv6(**IP6S) / ICMPv6ND_NS(tgt="fd00::2"),
        "IPv6 extensions": to_b / IPv6(**IP6S) / extensions / UDP(sport=9, dport=10) / data,
        "IPv6 routing": to_b / IPv6(**IP6S) / IPv6ExtHdrRouting(segleft=0) / pushed,
        "IPv6 fragment": to_b / IPv6(**IP6S) / IPv6ExtHdrFragment(offset=4, m=1, id=8) / data,
        "IPv6 atomic fragment": to_b / IPv6(**IP6S) / IPv6ExtHdrFragment(id=8) / pushed,
        "802.1Q": to_b / Dot1Q(vlan=10, prio=5, dei=1) / IP(**IPS) / ICMP() / data,
        "802.1ad": to_b / Dot1AD(vlan=30) / Dot1Q(vlan=10) / IP(**IPS) / pushed,
        "priority tag": to_b / Dot1Q(vlan=0, prio=3) / ARP(op=1, psrc="10.9.0.1"),
        "experimental": Ether(src=A, dst=B, type=0x88B5) / data,
        "802.3": Dot3(src=A, dst=B) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / data,
        "802.3 too long": Dot3(src=A, dst=B, len=200) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / data,
        "802.3 tagged": to_b / Dot1Q(vlan=10, type=43) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / data,
        "from a group": Ether(src="01:00:5e:00:00:01", dst=B) / IP(**IPS) / ICMP(),
        "from zero": Ether(src="00:00:00:00:00:00", dst=B) / IP(**IPS) / ICMP(),
    }
    for name, packet in packets.items():
        yield name, bytes(packet)


def underlays() -> Iterator[tuple[str, Packet]]:
    """Yield outer headers for a datagram."""
    macs = Ether(src="02:00:00:00:01:01", dst="02:00:00:00:01:02")
    v4 = IP(src="10.0.1.41", dst="10.0.1.4", flags="DF", id=0)
    v6 = IPv6(src="fd01::41", dst="fd01::4")
    udp = UDP(sport=50000, dport=4789)
    yield "IPv4", macs / v4 / udp
    yield "IPv6", macs / v6 / udp
    yield "tagged", macs / Dot1Q(vlan=7, prio=2) / v4 / udp
    yield "twice tagged", macs / Dot1AD(vlan=70) / Dot1Q(vlan=7) / v6 / udp
    yield "without checksum", macs / v4 / UDP(sport=50001, dport=4789, chksum=0)
    yield "IPv6 without checksum", macs / v6 / UDP(sport=50001, dport=4789, chksum=0)
    yield "port 8472", macs / v4 / UDP(sport=50002, dport=8472)
    yield (
        "IPv4 options",
        macs / IP(src="10.0.1.41", dst="10.0.1.4", options=IPOption(b"\x94\x04\0\0")) / udp,
    )
    yield "IPv6 extension", macs / v6 / IPv6ExtHdrDestOpt() / udp
    yield "no VXLAN port", macs / v4 / UDP(sport=4789, dport=4788)


def vxlan_headers() -> Iterator[Named]:
    """Yield VXLAN headers, those of headers.toml and more."""
    for vector in tomllib.loads((HERE / "headers.toml").read_text())["vxlan"]:
        yield vector["name"], bytes.fromhex(vector["hex"])
    for name, text in {
        "GBP D and A": "8848002a00006400",
        "GBP and RCO": "8868002a000064a1",
        "GPE IPv4": "0c00000100006400",
        "GPE version 1, O, B": "1f00000300006400",
        "RCO of UDP": "08200000000064a0",
        "D without G": "0840000000006400",
    }.items():
        yield name, bytes.fromhex(text)


def with_field(frame: bytes, at: int, value: int) -> bytes:
    """Return a frame with a 16-bit number replaced."""
    return frame[:at] + value.to_bytes(2, "big") + frame[at + 2 :]


@cache
def corpus() -> tuple[Named, ...]:
    """Return all frames, from outer Ethernet on, with names."""
    return tuple(_corpus())


def _corpus() -> Iterator[Named]:
    inners, outers = dict(inner_frames()), dict(underlays())
    arp, tcp = PLAIN + inners["ARP request"], PLAIN + inners["TCP data"]
    for name, frame in inners.items():
        yield f"IPv4: {name}", bytes(outers["IPv4"] / Raw(PLAIN + frame))
        yield f"IPv6: {name}", bytes(outers["IPv6"] / Raw(PLAIN + frame))
    for name, outer in outers.items():
        yield f"{name}: ARP", bytes(outer / Raw(arp))
    for name, header in vxlan_headers():
        yield f"{name}: TCP", bytes(outers["IPv4"] / Raw(header + inners["TCP data"]))
    for vector in tomllib.loads((HERE / "kernel.toml").read_text())["datagram"]:
        yield f"kernel: {vector['name']}", bytes.fromhex(vector["outer"] + vector["hex"])
    for size in (0, 1, 4, 7, 8, 9, 15, 21, 22, 23, 30):
        yield f"datagram of {size}", bytes(outers["IPv4"] / Raw(tcp[:size]))
    v4, v6 = (bytes(outers[name] / Raw(tcp)) for name in ("IPv4", "IPv6"))
    for at, name in ((16, "IP length"), (24, "IP checksum"), (38, "UDP length"), (40, "checksum")):
        for value in (0, 3, 9, 30, 0xFFFF):
            yield f"outer {name} {value}", with_field(v4, at, value)
    for at, name in ((18, "IP length"), (58, "UDP length"), (60, "checksum")):
        for value in (3, 9, 30, 0xFFFF):
            yield f"outer IPv6 {name} {value}", with_field(v6, at, value)
    for at, name in ((24, "IP length"), (32, "IP checksum"), (58, "TCP checksum")):
        for value in (0, 3, 30, 0xFFFF):
            changed = with_field(tcp, at, value)
            yield f"inner {name} {value}", bytes(outers["IPv4"] / Raw(changed))
    number = random.Random(SEED)
    v6_in_v6 = bytes(outers["IPv6"] / Raw(PLAIN + inners["IPv6 extensions"]))
    for whole, name in ((v4, "IPv4"), (v6, "IPv6"), (v6_in_v6, "IPv6 in IPv6")):
        for size in sorted(number.sample(range(14, len(whole)), 16)):
            yield f"{name} cut to {size}", whole[:size]
        for bit in sorted(number.sample(range(96, len(whole) * 8), 16)):
            yield f"{name} with bit {bit} inverted", inverted(whole, bit)
    for name, inner in inners.items():
        datagram = PLAIN + inner
        size = number.randrange(22, len(datagram))
        yield f"{name}, datagram cut to {size}", bytes(outers["IPv4"] / Raw(datagram[:size]))
        bit = number.randrange(8 * 20, 8 * len(datagram))
        changed = inverted(datagram, bit)
        yield f"{name}, bit {bit} of the datagram inverted", bytes(outers["IPv4"] / Raw(changed))


def inverted(octets: bytes, bit: int) -> bytes:
    """Return octets with one bit inverted, counted from the first."""
    changed = bytearray(octets)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)
