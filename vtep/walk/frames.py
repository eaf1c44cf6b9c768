"""The frames of the containers, with complete checksums."""

import ipaddress
import struct
from typing import Literal, NamedTuple

from vtep.wire import ethernet, ip
from vtep.wire.checksum import complement, ones_sum


class VirtualContainer(NamedTuple):
    """A container of the lab in memory: name, MAC and IP addresses."""

    name: str
    mac: bytes
    ipv4: str
    ipv6: str

    def address(self, is_ipv6: bool) -> str:
        """Return its IP address as text."""
        return self.ipv6 if is_ipv6 else self.ipv4

    def octets(self, is_ipv6: bool) -> bytes:
        """Return its IP address as octets of a packet."""
        return ipaddress.ip_address(self.address(is_ipv6)).packed


C1 = VirtualContainer("c1", bytes.fromhex("0242ac12000b"), "172.18.0.11", "fd00:18::11")
C2 = VirtualContainer("c2", bytes.fromhex("0242ac12000c"), "172.18.0.12", "fd00:18::12")

_TTL = 64
_PAYLOAD = bytes(range(0x61, 0x71))
"""Payload of a datagram, 16 octets: "abc" and so on; repeated in pings."""
_PING_DATA = (_PAYLOAD * 4)[:56]
"""Data of a ping, 56 octets as in ping(8): over IPv4 the packet has 84 octets, the frame 98."""

_ECHO = {False: (8, 0), True: (128, 129)}
_CLIENT_PORT, _TCP_PORT, _UDP_PORT = 40_000, 80, 7
_SYN, _ACK = 0x02, 0x10


def arp(operation: Literal[1, 2], sender: VirtualContainer, target: VirtualContainer) -> bytes:
    """Return an ARP request (1), a broadcast, or the reply (2) to *target* (RFC 826)."""
    destination, target_mac = (
        (ethernet.BROADCAST, bytes(6)) if operation == 1 else (target.mac, target.mac)
    )
    packet = struct.pack(">HHBBH", 1, ethernet.IPV4, 6, 4, operation)
    packet += sender.mac + sender.octets(False) + target_mac + target.octets(False)
    return _ethernet(destination, sender.mac, ethernet.ARP) + packet


def solicitation(sender: VirtualContainer, target: VirtualContainer) -> bytes:
    """Return a neighbor solicitation for the MAC of *target* (RFC 4861 section 4.3)."""
    wanted = target.octets(True)
    group = bytes.fromhex("ff0200000000000000000001ff") + wanted[13:]
    body = bytes(4) + wanted + b"\x01\x01" + sender.mac
    packet = _ipv6(sender.octets(True), group, ip.ICMPV6, _icmp(135, body), hop_limit=255)
    return _ethernet(b"\x33\x33" + group[12:], sender.mac, ethernet.IPV6) + packet


def advertisement(sender: VirtualContainer, target: VirtualContainer) -> bytes:
    """Return the neighbor advertisement, solicited and overriding (RFC 4861 section 4.4)."""
    body = b"\x60\x00\x00\x00" + sender.octets(True) + b"\x02\x01" + sender.mac
    addresses = sender.octets(True), target.octets(True)
    packet = _ipv6(*addresses, ip.ICMPV6, _icmp(136, body), hop_limit=255)
    return _ethernet(target.mac, sender.mac, ethernet.IPV6) + packet


def echo(
    sender: VirtualContainer,
    target: VirtualContainer,
    *,
    is_ipv6: bool,
    is_reply: bool = False,
    payload: bytes = _PING_DATA,
) -> bytes:
    """Return an ICMP echo request or reply, with sequence number 1."""
    kind = _ECHO[is_ipv6][is_reply]
    body = struct.pack(">HH", 1, 1) + payload
    protocol = ip.ICMPV6 if is_ipv6 else ip.ICMP
    return _packet(sender, target, protocol, _icmp(kind, body), is_ipv6)


def echo_of(
    octets: int, sender: VirtualContainer, target: VirtualContainer, *, is_ipv6: bool
) -> bytes:
    """Return an echo request in an IP packet of `octets`."""
    headers = (ip.IPV6_LEN if is_ipv6 else ip.IPV4_LEN) + 8
    payload = (_PAYLOAD * (octets // len(_PAYLOAD) + 1))[: octets - headers]
    return echo(sender, target, is_ipv6=is_ipv6, payload=payload)


def syn(
    sender: VirtualContainer,
    target: VirtualContainer,
    mtu: int,
    *,
    is_ipv6: bool,
    is_reply: bool = False,
) -> bytes:
    """Return the SYN of a TCP connection, or the SYN/ACK; its MSS fits *mtu*."""
    mss = mtu - ip.TCP_LEN - (ip.IPV6_LEN if is_ipv6 else ip.IPV4_LEN)
    ports = (_TCP_PORT, _CLIENT_PORT) if is_reply else (_CLIENT_PORT, _TCP_PORT)
    numbers = (2000, 1001) if is_reply else (1000, 0)
    flags = _SYN | _ACK if is_reply else _SYN
    segment = struct.pack(">HHIIBBHHHBBH", *ports, *numbers, 6 << 4, flags, 64_240, 0, 0, 2, 4, mss)
    return _packet(sender, target, ip.TCP, segment, is_ipv6)


def datagram(
    sender: VirtualContainer, target: VirtualContainer, *, is_ipv6: bool, is_reply: bool = False
) -> bytes:
    """Return a UDP datagram to the echo service, or the reply."""
    ports = (_UDP_PORT, _CLIENT_PORT) if is_reply else (_CLIENT_PORT, _UDP_PORT)
    segment = struct.pack(">HHHH", *ports, ip.UDP_LEN + len(_PAYLOAD), 0) + _PAYLOAD
    return _packet(sender, target, ip.UDP, segment, is_ipv6)


def _packet(
    sender: VirtualContainer, target: VirtualContainer, protocol: int, payload: bytes, is_ipv6: bool
) -> bytes:
    pack, ethertype = (_ipv6, ethernet.IPV6) if is_ipv6 else (_ipv4, ethernet.IPV4)
    packet = pack(sender.octets(is_ipv6), target.octets(is_ipv6), protocol, payload)
    return _ethernet(target.mac, sender.mac, ethertype) + packet


def _ethernet(destination: bytes, source: bytes, ethertype: int) -> bytes:
    return destination + source + ethertype.to_bytes(2, "big")


def _ipv4(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    payload = _with_checksum(source + destination, protocol, payload)
    total = ip.IPV4_LEN + len(payload)
    header = struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0x4000, _TTL, protocol, 0)
    header += source + destination
    checksum = complement(ones_sum(header)).to_bytes(2, "big")
    return header[:10] + checksum + header[12:] + payload


def _ipv6(
    source: bytes, destination: bytes, protocol: int, payload: bytes, hop_limit: int = _TTL
) -> bytes:
    payload = _with_checksum(source + destination, protocol, payload)
    header = struct.pack(">IHBB", 0x60000000, len(payload), protocol, hop_limit)
    return header + source + destination + payload


def _icmp(kind: int, body: bytes) -> bytes:
    """Return an ICMP message with a checksum of 0."""
    return struct.pack(">BBH", kind, 0, 0) + body


def _with_checksum(addresses: bytes, protocol: int, payload: bytes) -> bytes:
    """Return a transport header and its payload with the checksum, which is 0 so far."""
    at = 2 if protocol in (ip.ICMP, ip.ICMPV6) else ip.CHECKSUM_AT[protocol]
    pseudo = addresses + struct.pack(">HH", protocol, len(payload))
    summed = payload if protocol == ip.ICMP else pseudo + payload
    checksum = complement(ones_sum(summed)) or 0xFFFF
    return payload[:at] + checksum.to_bytes(2, "big") + payload[at + 2 :]
