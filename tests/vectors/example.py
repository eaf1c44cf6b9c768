"""The capture of docs/decode.md, docs/examples/tunnel.pcapng: ten frames on the underlay of h1.

To regenerate it: .venv/bin/python -m tests.vectors.example > docs/examples/tunnel.pcapng
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from vtep import pcap

BEGIN = 1_795_539_600 * 10**9
"""2026-11-24 17:00:00 UTC."""

H1, H2, STRANGER = "10.0.1.4", "10.0.1.41", "10.0.1.99"
C1, C2 = "02:42:ac:12:00:0b", "02:42:ac:12:00:0c"
BROADCAST = "ff:ff:ff:ff:ff:ff"
HEADER = bytes.fromhex("0800000000006400")
GROUP_POLICY = bytes.fromhex("8800002a00006400")


class Example(NamedTuple):
    octets: bytes
    direction: pcap.CaptureDirection
    comment: str


def mac(address: str) -> str:
    return f"02:00:00:00:01:{int(address.rpartition('.')[2]):02x}"


def outer(source: str, destination: str, payload: bytes) -> Packet:
    macs = Ether(src=mac(source), dst=mac(destination))
    ports = UDP(sport=57344, dport=4789)
    return macs / IP(src=source, dst=destination, flags="DF", id=0) / ports / Raw(payload)


def frames() -> Iterator[Example]:
    ask = ARP(op=1, hwsrc=C2, psrc="172.18.0.12", pdst="172.18.0.11")
    tell = ARP(op=2, hwsrc=C1, psrc="172.18.0.11", hwdst=C2, pdst="172.18.0.12")
    addresses = IP(src="172.18.0.12", dst="172.18.0.11")
    echo = addresses / ICMP(id=7, seq=1) / Raw(bytes(range(16)))
    to_c1 = Ether(src=C2, dst=C1)
    request = bytes(Ether(src=C2, dst=BROADCAST) / ask)
    reply = bytes(outer(H1, H2, HEADER + bytes(Ether(src=C1, dst=C2) / tell)))
    # The sum of the pseudo-header, as before the network card: 10.0.1.4, 10.0.1.41, 17, 58.
    partial = reply[:40] + bytes.fromhex("1678") + reply[42:]
    yield Example(bytes(outer(H2, H1, HEADER + request)), "in", "c2 asks for the MAC of c1")
    yield Example(partial, "out", "c1 answers; the network card is to complete the UDP checksum")
    for payload, comment in (
        (HEADER + bytes(to_c1 / echo), "a ping"),
        (GROUP_POLICY + bytes(to_c1 / echo), "the same with a group policy ID"),
        (bytes(8) + bytes(to_c1 / echo), "the same without the I flag"),
        (HEADER[:5] + b"\0\xc8\0" + bytes(to_c1 / echo), "the same for another VNI"),
        (HEADER + bytes(to_c1 / Dot1Q(vlan=10) / echo), "the same with a tag"),
        (HEADER[:4], "half a VXLAN header"),
    ):
        yield Example(bytes(outer(H2, H1, payload)), "in", comment)
    spoofed = bytes(outer(STRANGER, H1, HEADER + request))
    yield Example(spoofed, "in", "another sender uses the MAC of c2")
    question = IP(src=H2, dst=H1) / UDP(sport=40000, dport=53) / Raw(b"?")
    macs = Ether(src=mac(H2), dst=mac(H1))
    yield Example(bytes(macs / question), "in", "not VXLAN")


def capture() -> bytes:
    blocks = [
        pcap.section_block("vtep"),
        pcap.interface_block("u1", "the underlay of h1"),
    ]
    for number, (octets, direction, comment) in enumerate(frames()):
        time = BEGIN + number * 1_000_000
        blocks.append(pcap.frame_block(0, octets, time, [comment], direction))
    return b"".join(blocks)


if __name__ == "__main__":
    sys.stdout.buffer.write(capture())
