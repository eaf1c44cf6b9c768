"""Ethernet, 802.1Q tags and ARP."""

from vtep.dissect.cursor import Cursor, Parsed
from vtep.dissect.model import (
    Field,
    FieldSpec,
    HeaderLayout,
    named,
    numbers,
    show_ip,
    show_mac,
    show_octets,
)
from vtep.wire import ethernet

LENGTH_MAX = 1500
"""Up to this value the type field is a length (IEEE 802.3 clause 3.2.6)."""

_FOLLOWING = {
    ethernet.IPV4: "ipv4",
    ethernet.ARP: "arp",
    ethernet.VLAN: "vlan",
    ethernet.QINQ: "vlan",
    ethernet.IPV6: "ipv6",
}
_show_type = named(
    {
        ethernet.IPV4: "IPv4",
        ethernet.ARP: "ARP",
        ethernet.VLAN: "802.1Q tag",
        ethernet.QINQ: "802.1ad tag",
        ethernet.IPV6: "IPv6",
        0x8847: "MPLS",
        0x88CC: "LLDP",
    },
    "x",
)

ETHERNET_LAYOUT = HeaderLayout(
    "Ethernet",
    "IEEE 802.3 clause 3.2",
    (
        FieldSpec(
            *("ethernet.destination", "Destination", 48),
            "next hop on the underlay: the other host, or a router",
            show_mac,
            "receiver: one MAC or a group; a frame to an unknown MAC goes to every peer",
        ),
        FieldSpec(
            *("ethernet.source", "Source", 48),
            "underlay device of the sending host, or a router",
            show_mac,
            "sender, unchanged by the tunnel: the receiving VTEP learns it",
        ),
        FieldSpec(
            *("ethernet.type", "EtherType", 16),
            "protocol after this header",
            _show_type,
            "protocol of the payload",
        ),
    ),
)
VLAN_LAYOUT = HeaderLayout(
    "802.1Q tag",
    "IEEE 802.1Q clause 9.6",
    (
        FieldSpec("vlan.priority", "PCP", 3, "priority, 0 to 7"),
        FieldSpec("vlan.drop_eligible", "DEI", 1, "1: drop this frame first"),
        FieldSpec("vlan.id", "VLAN ID", 12, "number of the VLAN; 0: only a priority"),
        FieldSpec("vlan.type", "EtherType", 16, "protocol after the tag", _show_type),
    ),
)
ARP_LAYOUT = HeaderLayout(
    "ARP",
    "RFC 826",
    (
        FieldSpec("arp.hardware", "Hardware", 16, "1: Ethernet", named({1: "Ethernet"})),
        FieldSpec("arp.protocol", "Protocol", 16, "type of the protocol addresses", _show_type),
        FieldSpec("arp.hardware_length", "MAC length", 8, "bytes of a hardware address"),
        FieldSpec("arp.protocol_length", "IP length", 8, "bytes of a protocol address"),
        FieldSpec(
            *("arp.operation", "Operation", 16),
            "a request is a broadcast, flooded to every peer; a reply goes to one host",
            named({1: "request", 2: "reply"}),
        ),
    ),
)


def parse_ethernet(here: Cursor) -> Parsed:
    """Parse an Ethernet header."""
    fields = here.fields(ETHERNET_LAYOUT)
    problems = []
    if len(fields) > 1 and fields[1].key == "ethernet.source":
        source = bytes(here.octets[here.at + 6 : here.at + 12])
        if ethernet.is_group(source):
            problems.append("the source MAC is a group address: no device can have it")
        elif not any(source):
            problems.append("the source MAC is all zeros: no device can have it")
    return _parsed(here, "ethernet", ETHERNET_LAYOUT, fields, problems)


def parse_vlan(here: Cursor) -> Parsed:
    """Parse the part of a tag after its EtherType: priority, VLAN, next EtherType."""
    fields = here.fields(VLAN_LAYOUT)
    problems = []
    if here.inner:
        problems.append(
            "a tag inside the tunnel: the sender should remove it and the receiver drop the frame,"
            " unless configured otherwise (RFC 7348 section 6.1)"
        )
    if numbers(fields).get("id") == 0xFFF:
        problems.append("VLAN 4095 is reserved")
    return _parsed(here, "vlan", VLAN_LAYOUT, fields, problems)


def _parsed(
    here: Cursor, kind: str, layout: HeaderLayout, fields: list[Field], problems: list[str]
) -> Parsed:
    """Return the header and the protocol that its EtherType names."""
    after = here.at + layout.octets
    if after > here.end:
        problems.append(here.cut_short(layout.octets))
    value = numbers(fields).get("type", -1)
    following = "payload"
    if 0 <= value <= LENGTH_MAX:
        available = here.end - after
        text = f"{value} bytes"
        fields[-1] = fields[-1]._replace(name="Length", text=text, meaning="802.3 length")
        if value > available:
            problems.append(f"the length field says {value} bytes, {available} are here")
        return here.parsed(kind, layout.name, fields, problems, following)
    return here.parsed(kind, layout.name, fields, problems, _FOLLOWING.get(value, following))


def parse_arp(here: Cursor) -> Parsed:
    """Parse an ARP packet, even if its addresses are not MAC and IPv4."""
    fields = here.fields(ARP_LAYOUT)
    values = numbers(fields)
    if here.room < ARP_LAYOUT.octets:
        return here.incomplete("arp", ARP_LAYOUT.name, fields, ARP_LAYOUT.octets + 20)
    macs, ips = values["hardware_length"], values["protocol_length"]
    problems = []
    if (values["hardware"], macs) != (1, 6) or (values["protocol"], ips) != (ethernet.IPV4, 4):
        problems.append("not ARP for Ethernet and IPv4")
    show_hardware = show_mac if macs == 6 else show_octets
    show_protocol = show_ip if ips == 4 else show_octets
    specs = (
        FieldSpec("arp.sender_mac", "Sender MAC", macs * 8, "MAC of the sender", show_hardware),
        FieldSpec("arp.sender_ip", "Sender IP", ips * 8, "IP address of the sender", show_protocol),
        FieldSpec(
            *("arp.target_mac", "Target MAC", macs * 8),
            "request: 0, the MAC is asked for; reply: MAC of the host that asked",
            show_hardware,
        ),
        FieldSpec(
            *("arp.target_ip", "Target IP", ips * 8),
            "request: IP address whose MAC is asked for; reply: that of the host that asked",
            show_protocol,
        ),
    )
    fields += here.fields_at(here.at + ARP_LAYOUT.octets, specs, ARP_LAYOUT.source)
    length = ARP_LAYOUT.octets + 2 * (macs + ips)
    if length > here.room:
        problems.append(here.cut_short(length))
    return here.parsed("arp", ARP_LAYOUT.name, fields, problems, "", padding=True)
