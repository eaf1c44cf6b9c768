"""A frame in a line: what it is, from whom, to whom."""

import ipaddress
from typing import NamedTuple

from vtep.wire import ethernet, ip

_ICMP = {0: "echo reply", 3: "unreachable", 5: "redirect", 8: "echo request", 11: "time exceeded"}
_ICMPV6 = {1: "unreachable", 2: "packet too big", 3: "time exceeded", 128: "echo request"}
_ICMPV6 |= {129: "echo reply", 133: "router solicitation", 134: "router advertisement"}
_ICMPV6 |= {135: "neighbor solicitation", 136: "neighbor advertisement", 143: "multicast report"}
_PORTS = {ip.TCP: "TCP", ip.UDP: "UDP"}
_ARP_LEN = 28


class Brief(NamedTuple):
    """What a list shows of a frame: texts."""

    what: str
    source: str
    destination: str


def brief(frame: bytes) -> Brief:
    """Return what a frame is; never raises, whatever the octets are."""
    if len(frame) < ethernet.HEADER_LEN:
        return Brief(f"no frame: {len(frame)} of {ethernet.HEADER_LEN} octets", "?", "?")
    macs = ethernet.format_mac(frame[6:12]), ethernet.format_mac(frame[:6])
    headers = ip.locate(frame)
    if headers is not None:
        return _packet(frame, headers)
    at = ethernet.HEADER_LEN
    while ethernet.vlan_id(frame, at - ethernet.HEADER_LEN) is not None:
        at += ethernet.TAG_LEN
    ethertype = int.from_bytes(frame[at - 2 : at], "big")
    if ethertype == ethernet.ARP and len(frame) >= at + _ARP_LEN:
        return _arp(frame[at : at + _ARP_LEN])
    return Brief(f"ethertype 0x{ethertype:04x}", *macs)


def _packet(frame: bytes, headers: ip.Headers) -> Brief:
    l3, l4, end, protocol = headers.l3, headers.l4, headers.end, headers.protocol
    at, length = (l3 + 12, 4) if headers.version == 4 else (l3 + 8, 16)
    source = str(ipaddress.ip_address(frame[at : at + length]))
    destination = str(ipaddress.ip_address(frame[at + length : at + 2 * length]))
    what = f"IPv{headers.version} protocol {protocol}"
    if headers.fragment:
        what = f"IPv{headers.version} fragment"
    elif protocol in _PORTS and l4 + 4 <= end:
        ports = (int.from_bytes(frame[l4 + i : l4 + i + 2], "big") for i in (0, 2))
        what = f"{_PORTS[protocol]} {' to '.join(map(str, ports))}"
    elif protocol == ip.ICMP and l4 < end:
        what = f"ICMP {_ICMP.get(frame[l4], f'type {frame[l4]}')}"
    elif protocol == ip.ICMPV6 and l4 < end:
        what = f"ICMPv6 {_ICMPV6.get(frame[l4], f'type {frame[l4]}')}"
    return Brief(what, source, destination)


def _arp(packet: bytes) -> Brief:
    operation = int.from_bytes(packet[6:8], "big")
    sender, target = (str(ipaddress.ip_address(packet[at : at + 4])) for at in (14, 24))
    what = {1: f"ARP who has {target}?", 2: f"ARP {sender} is here"}
    return Brief(what.get(operation, f"ARP operation {operation}"), sender, target)
