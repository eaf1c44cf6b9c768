"""The inner flow of a frame: what its kind are recognised by, and a number to spread flows with."""

import struct
from itertools import pairwise
from zlib import crc32

from vtep.wire import ip
from vtep.wire.buffer import Readable

FLOWS = 1 << 14
"""How many numbers there are: as many as source ports in 49152..65535 (RFC 7348 section 5)."""

MAX_SOURCE_PORTS = 64
"""Most UDP source ports: more than a router has equal-cost paths or a network card has queues.
Each is a socket: a file descriptor (1024 is a common limit) and 3 KB of kernel memory."""

FlowKey = tuple[bytes, ...]

# MACs, ethertype, version and IHL; protocol; addresses and ports, or addresses.
_ipv4_ports = struct.Struct("15s8xc2x12s").unpack_from
_ipv4_addresses = struct.Struct("15s8xc2x8s").unpack_from
# MACs, ethertype; next header; addresses and ports, or addresses.
_ipv6_ports = struct.Struct("14s6xcx36s").unpack_from
_ipv6_addresses = struct.Struct("14s6xcx32s").unpack_from


# HOT PATH
def flow_key(octets: Readable, at: int, end: int) -> FlowKey | None:
    """Return a value that all frames of one TCP, UDP or ICMP flow have in common, and no others.

    None for a frame that does not show its flow at a glance: tagged, a fragment, with IP options
    or extension headers, of another protocol.

    Args:
        octets: holds the frame at octets[at:end].
        at: where the Ethernet header begins.
        end: where the frame ends.
    """
    if octets[at + 13] == 0x00:
        if (
            end - at >= 42
            and octets[at + 12] == 0x08
            and octets[at + 14] == 0x45
            and not octets[at + 20] & 0x3F
            and not octets[at + 21]
        ):
            protocol = octets[at + 23]
            if protocol in (ip.TCP, ip.UDP):
                return _ipv4_ports(octets, at)
            if protocol == ip.ICMP:
                return _ipv4_addresses(octets, at)
    elif (
        octets[at + 13] == 0xDD
        and end - at >= 62
        and octets[at + 12] == 0x86
        and octets[at + 14] >> 4 == 6
    ):
        protocol = octets[at + 20]
        if protocol in (ip.TCP, ip.UDP):
            return _ipv6_ports(octets, at)
        if protocol == ip.ICMPV6:
            return _ipv6_addresses(octets, at)
    return None


def flow_number(frame: Readable, headers: ip.Headers | None) -> int:
    """Return a number below FLOWS that is the same for all frames of one flow, always.

    It is taken from addresses and ports; from the addresses where there are no ports to see, for
    an IP fragment say; and from the MACs of what is not IP.

    Args:
        frame: from its Ethernet header on.
        headers: what `ip.locate` said of it.
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

    Each socket that sends takes the first free port of its range (RFC 7348 section 5).
    """
    width = last - first + 1
    count = min(MAX_SOURCE_PORTS, width)
    edges = [first + width * number // count for number in range(count + 1)]
    return [range(start, end) for start, end in pairwise(edges)]
