"""Identify the inner flow of a frame: keys for the flow cache, a number for the source port."""

import struct
from itertools import pairwise
from typing import TypeAlias
from zlib import crc32

from vtep.wire import ip
from vtep.wire.buffer import Readable
from vtep.wire.slot import FRAME_AT, TAP_AT

FLOWS = 1 << 14
"""Number of flow numbers: one per source port in 49152..65535 (RFC 7348 section 5)."""

MAX_SOURCE_PORTS = 64
"""Most UDP source ports: more than a router has equal-cost paths, or a network card queues.
Each is a socket: a file descriptor (1024 is a common limit) and 3 KB of kernel memory."""

FlowKey: TypeAlias = tuple[bytes, ...]

# -- the key of a frame from a TAP, virtio header included
# Not part of it: hdr_len (a hint), lengths, ID, checksums, sequence and acknowledgement numbers.

_IPV4 = f"{TAP_AT}x2s2x22s4x4s2x"
_tap_ipv4_tcp = struct.Struct(f"{_IPV4}12s8x2s").unpack_from
_tap_ipv4_udp = struct.Struct(f"{_IPV4}12s").unpack_from
_tap_ipv4_icmp = struct.Struct(f"{_IPV4}8s").unpack_from
_IPV6 = f"{TAP_AT}x2s2x24s2x"
_tap_ipv6_tcp = struct.Struct(f"{_IPV6}38s8x2s").unpack_from
_tap_ipv6_udp = struct.Struct(f"{_IPV6}38s").unpack_from
_tap_ipv6_icmp = struct.Struct(f"{_IPV6}34s").unpack_from
_tap_other = struct.Struct(f"{TAP_AT}x2s2x20s").unpack_from

_ETHERTYPE_AT = FRAME_AT + 12
_IPV4_PROTOCOL_AT = FRAME_AT + 23
_IPV6_PROTOCOL_AT = FRAME_AT + 20
_ETHERNET_END = FRAME_AT + 14
_IPV4_L4, _IPV6_L4 = _ETHERNET_END + 20, _ETHERNET_END + 40


def tap_key(slot: Readable, end: int) -> FlowKey | None:
    """Return a value that frames from a TAP share only if they are forwarded alike.

    It holds the virtio header, MACs, ethertype, addresses, ports, TCP offset and TCP flags. None
    for a frame that is truncated or has an 802.1Q tag. A frame with IP options or an extension
    header, or a fragment, gets an incomplete key: classification must not store it.

    Args:
        slot: holds the virtio header at slot[6:16], the frame at slot[16:end].
        end: where the frame ends.
    """
    high, low = slot[_ETHERTYPE_AT], slot[_ETHERTYPE_AT + 1]
    if high == 0x08 and low == 0x00:
        protocol = slot[_IPV4_PROTOCOL_AT]
        if protocol == ip.TCP:
            return _tap_ipv4_tcp(slot) if end >= _IPV4_L4 + ip.TCP_LEN else None
        if end < _IPV4_L4 + ip.UDP_LEN:
            return None
        return _tap_ipv4_udp(slot) if protocol == ip.UDP else _tap_ipv4_icmp(slot)
    if high == 0x86 and low == 0xDD:
        protocol = slot[_IPV6_PROTOCOL_AT]
        if protocol == ip.TCP:
            return _tap_ipv6_tcp(slot) if end >= _IPV6_L4 + ip.TCP_LEN else None
        if end < _IPV6_L4 + ip.UDP_LEN:
            return None
        return _tap_ipv6_udp(slot) if protocol == ip.UDP else _tap_ipv6_icmp(slot)
    if end < _ETHERNET_END or (high, low) in ((0x81, 0x00), (0x88, 0xA8)):
        return None
    return _tap_other(slot)


# -- the key of a datagram from the underlay
# VXLAN header, MACs, ethertype, version and IHL; protocol; addresses and ports, or addresses.

_ipv4_ports = struct.Struct("23s8xc2x12s").unpack_from
_ipv4_addresses = struct.Struct("23s8xc2x8s").unpack_from
# VXLAN header, MACs, ethertype; next header; addresses and ports, or addresses.
_ipv6_ports = struct.Struct("22s6xcx36s").unpack_from
_ipv6_addresses = struct.Struct("22s6xcx32s").unpack_from


def datagram_key(octets: Readable, at: int, end: int) -> FlowKey | None:
    """Return a value that datagrams share only if their frames are of one TCP, UDP or ICMP flow.

    Frames of one flow must keep their order, so the key holds nothing that may differ within a
    flow. None for a frame whose flow is not visible at fixed offsets: tagged, a fragment, with IP
    options or extension headers, of another protocol.

    Args:
        octets: holds the datagram at octets[at:end].
        at: where the VXLAN header begins.
        end: where the frame ends.
    """
    low = octets[at + 21]
    if low == 0x00:
        if (
            end - at >= 50
            and octets[at + 20] == 0x08
            and octets[at + 22] == 0x45
            and not octets[at + 28] & 0x3F
            and not octets[at + 29]
        ):
            protocol = octets[at + 31]
            if protocol in (ip.TCP, ip.UDP):
                return _ipv4_ports(octets, at)
            if protocol == ip.ICMP:
                return _ipv4_addresses(octets, at)
    elif low == 0xDD and end - at >= 70 and octets[at + 20] == 0x86 and octets[at + 22] >> 4 == 6:
        protocol = octets[at + 28]
        if protocol in (ip.TCP, ip.UDP):
            return _ipv6_ports(octets, at)
        if protocol == ip.ICMPV6:
            return _ipv6_addresses(octets, at)
    return None


def flow_number(frame: Readable, headers: ip.Headers | None) -> int:
    """Return the flow number of a frame, 0..FLOWS-1: equal for all frames of a flow, on all hosts.

    It is a CRC of addresses and ports. Without visible ports, as in an IP fragment, it is a CRC of
    the addresses; for a frame that is not IP, of the MACs.

    Args:
        frame: the Ethernet frame.
        headers: its headers, as `ip.locate` returns them.
    """
    if headers is None:
        return crc32(frame[:12]) % FLOWS
    l3, l4 = headers.l3, headers.l4
    addresses = frame[l3 + 12 : l3 + 20] if headers.version == 4 else frame[l3 + 8 : l3 + 40]
    has_ports = not headers.fragment and headers.protocol in (ip.TCP, ip.UDP)
    ports = frame[l4 : l4 + 4] if has_ports and l4 + 4 <= headers.end else b""
    return crc32(ports, crc32(addresses)) % FLOWS


def source_ports(first: int, last: int) -> list[range]:
    """Divide the UDP ports first..last into at most MAX_SOURCE_PORTS equal ranges.

    Each sending socket takes the first free port of its range (RFC 7348 section 5).
    """
    width = last - first + 1
    count = min(MAX_SOURCE_PORTS, width)
    edges = [first + width * number // count for number in range(count + 1)]
    return [range(start, end) for start, end in pairwise(edges)]
