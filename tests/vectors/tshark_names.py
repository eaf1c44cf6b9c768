"""Field names of vtep and tshark, and the values of both for a frame, for comparison."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

At = tuple[str, int]
"""A field: tshark's name, and its first octet in the frame."""


def number(field: dict[str, Any]) -> int:
    return int(field["value"])


def text(field: dict[str, Any]) -> str:
    return str(field["text"])


def times(factor: int) -> Callable[[dict[str, Any]], int]:
    return lambda field: factor * int(field["value"])


CORRECT, WRONG, UNCHECKED, ABSENT = 1, 0, 2, 3
"""tshark's codes for the result of a checksum check."""

STATES = {
    "(correct": CORRECT,
    "(wrong": WRONG,
    "(partial": WRONG,
    "(not checked": UNCHECKED,
    "(none": ABSENT,
}


def checksum_state(field: dict[str, Any]) -> int:
    return next(code for word, code in STATES.items() if word in field["text"])


Known = dict[str, tuple[str, Callable[[dict[str, Any]], int | str]]]
ETHERNET: Known = {
    "ethernet.destination": ("eth.dst", text),
    "ethernet.source": ("eth.src", text),
    "ethernet.type": ("eth.type", number),
    "ethernet.length": ("eth.len", number),
}
VLAN: Known = {
    "vlan.priority": ("vlan.priority", number),
    "vlan.drop_eligible": ("vlan.dei", number),
    "vlan.id": ("vlan.id", number),
    "vlan.type": ("vlan.etype", number),
    "vlan.length": ("vlan.len", number),
}
ARP: Known = {
    "arp.hardware": ("arp.hw.type", number),
    "arp.protocol": ("arp.proto.type", number),
    "arp.hardware_length": ("arp.hw.size", number),
    "arp.protocol_length": ("arp.proto.size", number),
    "arp.operation": ("arp.opcode", number),
    "arp.sender_mac": ("arp.src.hw_mac", text),
    "arp.sender_ip": ("arp.src.proto_ipv4", text),
    "arp.target_mac": ("arp.dst.hw_mac", text),
    "arp.target_ip": ("arp.dst.proto_ipv4", text),
}
IPV4: Known = {
    "ip.version": ("ip.version", number),
    "ip.header_length": ("ip.hdr_len", times(4)),
    "ip.dscp": ("ip.dsfield.dscp", number),
    "ip.ecn": ("ip.dsfield.ecn", number),
    "ip.total_length": ("ip.len", number),
    "ip.id": ("ip.id", number),
    "ip.reserved": ("ip.flags.rb", number),
    "ip.dont_fragment": ("ip.flags.df", number),
    "ip.more_fragments": ("ip.flags.mf", number),
    "ip.fragment_offset": ("ip.frag_offset", number),
    "ip.ttl": ("ip.ttl", number),
    "ip.protocol": ("ip.proto", number),
    "ip.checksum": ("ip.checksum", number),
    "ip.source": ("ip.src", text),
    "ip.destination": ("ip.dst", text),
}
IPV6: Known = {
    "ip.version": ("ipv6.version", number),
    "ip.dscp": ("ipv6.tclass.dscp", number),
    "ip.ecn": ("ipv6.tclass.ecn", number),
    "ip.flow_label": ("ipv6.flow", number),
    "ip.payload_length": ("ipv6.plen", number),
    "ip.next_header": ("ipv6.nxt", number),
    "ip.hop_limit": ("ipv6.hlim", number),
    "ip.source": ("ipv6.src", text),
    "ip.destination": ("ipv6.dst", text),
}
UDP: Known = {
    "udp.source_port": ("udp.srcport", number),
    "udp.destination_port": ("udp.dstport", number),
    "udp.length": ("udp.length", number),
    "udp.checksum": ("udp.checksum", number),
}
TCP: Known = {
    "tcp.source_port": ("tcp.srcport", number),
    "tcp.destination_port": ("tcp.dstport", number),
    "tcp.sequence": ("tcp.seq_raw", number),
    "tcp.acknowledgment": ("tcp.ack_raw", number),
    "tcp.data_offset": ("tcp.hdr_len", times(4)),
    "tcp.cwr": ("tcp.flags.cwr", number),
    "tcp.ece": ("tcp.flags.ece", number),
    "tcp.urg": ("tcp.flags.urg", number),
    "tcp.ack": ("tcp.flags.ack", number),
    "tcp.psh": ("tcp.flags.push", number),
    "tcp.rst": ("tcp.flags.reset", number),
    "tcp.syn": ("tcp.flags.syn", number),
    "tcp.fin": ("tcp.flags.fin", number),
    "tcp.window": ("tcp.window_size_value", number),
    "tcp.checksum": ("tcp.checksum", number),
    "tcp.urgent_pointer": ("tcp.urgent_pointer", number),
}
ICMP: Known = {
    "icmp.type": ("icmp.type", number),
    "icmp.code": ("icmp.code", number),
    "icmp.checksum": ("icmp.checksum", number),
    "icmp.id": ("icmp.ident", number),
    "icmp.sequence": ("icmp.seq", number),
}
ICMPV6: Known = {
    "icmp.type": ("icmpv6.type", number),
    "icmp.code": ("icmpv6.code", number),
    "icmp.checksum": ("icmpv6.checksum", number),
    "icmp.id": ("icmpv6.echo.identifier", number),
    "icmp.sequence": ("icmpv6.echo.sequence_number", number),
}


def extension(name: str, **others: str) -> Known:
    known: Known = {
        "extension.next_header": (f"ipv6.{name}.nxt", number),
        "extension.length": (f"ipv6.{name}.len", number),
    }
    return known | {f"extension.{key}": (other, number) for key, other in others.items()}


KNOWN: dict[str, Known] = {
    "ethernet": ETHERNET,
    "vlan": VLAN,
    "arp": ARP,
    "ipv4": IPV4,
    "ipv6": IPV6,
    "hop_by_hop": extension("hopopts"),
    "destination_options": extension("dstopts"),
    "routing": extension(
        "routing", routing_type="ipv6.routing.type", segments_left="ipv6.routing.segleft"
    ),
    "fragment": {
        "extension.next_header": ("ipv6.fraghdr.nxt", number),
        "extension.fragment_offset": ("ipv6.fraghdr.offset", number),
        "extension.more_fragments": ("ipv6.fraghdr.more", number),
        "extension.id": ("ipv6.fraghdr.ident", number),
    },
    "udp": UDP,
    "tcp": TCP,
    "icmp": ICMP,
    "icmpv6": ICMPV6,
}
VXLAN = {
    "vxlan.flag_g": (0, 1, 0),
    "vxlan.flag_i": (4, 1, 0),
    "vxlan.flag_d": (9, 1, 0),
    "vxlan.flag_a": (12, 1, 0),
    "vxlan.flags": (0, 16, 0),
    "vxlan.gbp": (16, 16, 2),
    "vxlan.vni": (32, 24, 4),
    "vxlan.reserved8": (56, 8, 7),
}
"""First bit, bits, and the octet of the header where tshark puts it: its names do not depend on the
extension, ours do."""

SAME_AS = {
    "ieee8021ad.priority": "vlan.priority",
    "ieee8021ad.dei": "vlan.dei",
    "ieee8021ad.id": "vlan.id",
    "ieee8021ah.etype": "vlan.etype",
}
"""tshark has names of its own for an 802.1ad tag."""

EARLIER = frozenset({"ipv6.tclass.ecn", "ipv6.fraghdr.more"})
"""tshark reports these at the start of their word, one octet before their own."""

ILLEGAL_ZERO = 4
"""tshark reports a missing UDP checksum over IPv6 as illegal; a tunnel may omit it (RFC 6935)."""

CHECKSUMS = frozenset(
    f"{layer}.checksum.status" for layer in ("ip", "udp", "tcp", "icmp", "icmpv6")
)

SAME_AS = {
    "ieee8021ad.priority": "vlan.priority",
    "ieee8021ad.dei": "vlan.dei",
    "ieee8021ad.id": "vlan.id",
    "ieee8021ah.etype": "vlan.etype",
}
"""tshark has names of its own for an 802.1ad tag."""

EARLIER = frozenset({"ipv6.tclass.ecn", "ipv6.fraghdr.more"})
"""tshark reports these at the start of their word, one octet before their own."""

ILLEGAL_ZERO = 4
"""tshark reports a missing UDP checksum over IPv6 as illegal; a tunnel may omit it (RFC 6935)."""

CHECKSUMS = frozenset(
    f"{layer}.checksum.status" for layer in ("ip", "udp", "tcp", "icmp", "icmpv6")
)
NAMES = {name for known in KNOWN.values() for name, _ in known.values()}
NAMES |= {*VXLAN, *CHECKSUMS, "tcp.flags.res", "tcp.flags.ae"}

BROKEN = ("cut short", "length", "the version is", "not ARP for")
"""Problems at which tshark stops inside a header, or reads it as a different one."""


class Shown(NamedTuple):
    """One value; `broken` if its header has one of the problems above."""

    value: int | str
    broken: bool = False


def of_decode(one: dict[str, Any]) -> Iterator[tuple[At, Shown]]:
    """Yield the fields of decode, by tshark's names."""
    for header in one["headers"]:
        kind = header["key"].removeprefix("inner_").removeprefix("outer_")
        broken = any(word in problem for problem in header["problems"] for word in BROKEN)
        for at, value in _of_vxlan(header) if kind == "vxlan" else _of_header(header, kind):
            yield at, Shown(value, broken)


def _of_vxlan(header: dict[str, Any]) -> Iterator[tuple[At, int | str]]:
    whole = 0
    for field in header["fields"]:
        value = field["value"]
        whole = whole << field["bits"] | (int(value, 16) if isinstance(value, str) else value)
    whole <<= 64 - 8 * header["length"]
    for name, (bit, bits, octet) in VXLAN.items():
        if bit + bits <= 8 * header["length"]:
            yield (name, header["at"] + octet), whole >> 64 - bit - bits & (1 << bits) - 1


def _of_header(header: dict[str, Any], kind: str) -> Iterator[tuple[At, int | str]]:
    for field in header["fields"]:
        key, octet = field["key"], field["at"] // 8
        if field["name"] == "Length" and key in ("ethernet.type", "vlan.type"):
            key = key.replace("type", "length")
        if key == "tcp.reserved":
            yield ("tcp.flags.res", octet), int(field["value"] > 1)
            yield ("tcp.flags.ae", octet), field["value"] & 1
        if key not in KNOWN.get(kind, {}):
            continue
        name, value_of = KNOWN[kind][key]
        yield (name, octet - (name in EARLIER)), value_of(field)
        if key.endswith(".checksum"):
            yield (f"{name}.status", octet), checksum_state(field)


def of_tshark(packet: ElementTree.Element) -> Iterator[tuple[At, Shown]]:
    """Yield the fields of tshark that have a name in NAMES."""
    for field in packet.iter("field"):
        name = field.get("name", "")
        name = SAME_AS.get(name, name)
        # IPv6 also has a hidden ip.version.
        if name not in NAMES or field.get("hide") == "yes":
            continue
        shown = field.get("show", "")
        try:
            value: int | str = int(shown, 0)
        except ValueError:
            value = shown
        if name == "udp.checksum.status" and value == ILLEGAL_ZERO:
            value = ABSENT
        yield (name, int(field.get("pos", "-1"))), Shown(value)
