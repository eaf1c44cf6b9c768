"""Frames for tests, built with scapy as an independent implementation of every header."""

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

MAC_A = "02:00:00:00:00:0a"
MAC_B = "02:00:00:00:00:0b"
MAC_C = "02:00:00:00:00:0c"
BROADCAST = "ff:ff:ff:ff:ff:ff"

__all__ = ["ARP", "ICMP", "IP", "TCP", "UDP", "Dot1Q", "Ether", "IPv6", "Raw"]


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def frame(src: str = MAC_A, dst: str = MAC_B, inner: Any = None, vlan: int | None = None) -> bytes:
    """Return an Ethernet frame; without *inner*, an opaque one of 60 octets."""
    packet: Packet = Ether(src=src, dst=dst)
    if vlan is not None:
        packet /= Dot1Q(vlan=vlan)
    if inner is None:
        inner = Raw(bytes(range(46)))
        (packet.lastlayer()).type = 0x88B5  # local experimental ethertype
    return bytes(packet / inner)
