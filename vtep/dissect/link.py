"""Ethernet, 802.1Q tags and ARP."""

from vtep.dissect.model import (
    Field,
    Layout,
    Spec,
    lay_out,
    named,
    numbers,
    show_ip,
    show_mac,
    show_octets,
)
from vtep.dissect.step import Place, Step
from vtep.wire import ethernet

LENGTH_MAX = 1500
"""Up to this the type field is a length (IEEE 802.3 clause 3.2.6)."""

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

ETHERNET = Layout(
    "Ethernet",
    "IEEE 802.3 clause 3.2",
    (
        Spec(
            *("ethernet.destination", "Destination", 48),
            "the next hop on the underlay: the other host, or a router",
            show_mac,
            "for whom: one MAC, or a group; an unknown one goes to every peer",
        ),
        Spec(
            *("ethernet.source", "Source", 48),
            "the underlay device of the sending host, or a router",
            show_mac,
            "who sent it, unchanged: the other end learns it",
        ),
        Spec(
            *("ethernet.type", "EtherType", 16),
            "what stands behind this header",
            _show_type,
            "what the two ends talk",
        ),
    ),
)
VLAN = Layout(
    "802.1Q tag",
    "IEEE 802.1Q clause 9.6",
    (
        Spec("vlan.priority", "PCP", 3, "priority, 0 to 7"),
        Spec("vlan.drop_eligible", "DEI", 1, "may be dropped first"),
        Spec("vlan.id", "VLAN ID", 12, "which VLAN; 0 is none, a priority only"),
        Spec("vlan.type", "EtherType", 16, "what stands behind the tag", _show_type),
    ),
)
ARP = Layout(
    "ARP",
    "RFC 826",
    (
        Spec("arp.hardware", "Hardware", 16, "1 is Ethernet", named({1: "Ethernet"})),
        Spec("arp.protocol", "Protocol", 16, "what address is looked for", _show_type),
        Spec("arp.hardware_length", "MAC length", 8, "octets of a hardware address"),
        Spec("arp.protocol_length", "IP length", 8, "octets of a protocol address"),
        Spec(
            *("arp.operation", "Operation", 16),
            "a request goes to everyone, so to every peer on the flood list; a reply to one",
            named({1: "request", 2: "reply"}),
        ),
    ),
)


def parse_ethernet(place: Place) -> Step:
    """Take an Ethernet header apart."""
    octets, at, end, inner = place.octets, place.at, place.end, place.inner
    fields = lay_out(octets, at, end, ETHERNET.specs, ETHERNET.source, inner=inner)
    problems = []
    if len(fields) > 1 and fields[1].key == "ethernet.source":
        source = bytes(octets[at + 6 : at + 12])
        if ethernet.is_group(source):
            problems.append("the source MAC is a group address: nobody can be that")
        elif not any(source):
            problems.append("the source MAC is all zeros: nobody is that")
    return _step(place, "ethernet", ETHERNET, fields, problems)


def parse_vlan(place: Place) -> Step:
    """Take what stands behind the EtherType of a tag apart: priority, VLAN, the next EtherType."""
    fields = lay_out(place.octets, place.at, place.end, VLAN.specs, VLAN.source, inner=place.inner)
    problems = []
    if place.inner:
        problems.append(
            "a tag inside the tunnel: one end should strip it, the other discard it"
            " unless told otherwise (RFC 7348 section 6.1)"
        )
    if numbers(fields).get("id") == 0xFFF:
        problems.append("VLAN 4095 is reserved")
    return _step(place, "vlan", VLAN, fields, problems)


def _step(
    place: Place, kind: str, layout: Layout, fields: list[Field], problems: list[str]
) -> Step:
    """Return the header, and what its EtherType says follows."""
    after = place.at + layout.octets
    if after > place.end:
        problems.append(place.cut_short(layout.octets))
    value = numbers(fields).get("type", -1)
    following = "payload"
    if 0 <= value <= LENGTH_MAX:
        there = place.end - after
        last = fields[-1]
        fields[-1] = last._replace(name="Length", text=f"{value} octets", meaning="802.3 length")
        if value > there:
            problems.append(f"the length field says {value} octets, {there} are here")
        return place.step(kind, layout.name, fields, problems, following)
    return place.step(kind, layout.name, fields, problems, _FOLLOWING.get(value, following))


def parse_arp(place: Place) -> Step:
    """Take an ARP packet apart, also one for other addresses than MAC and IPv4."""
    octets, at, end = place.octets, place.at, place.end
    fields = lay_out(octets, at, end, ARP.specs, ARP.source, inner=place.inner)
    values = numbers(fields)
    if at + ARP.octets > end:
        return place.too_short("arp", ARP.name, fields, ARP.octets + 20)
    macs, ips = values["hardware_length"], values["protocol_length"]
    problems = []
    if (values["hardware"], macs) != (1, 6) or (values["protocol"], ips) != (ethernet.IPV4, 4):
        problems.append("not ARP for Ethernet and IPv4")
    show_hardware = show_mac if macs == 6 else show_octets
    show_protocol = show_ip if ips == 4 else show_octets
    specs = (
        Spec("arp.sender_mac", "Sender MAC", macs * 8, "who asks, or answers", show_hardware),
        Spec("arp.sender_ip", "Sender IP", ips * 8, "the address of that one", show_protocol),
        Spec(
            *("arp.target_mac", "Target MAC", macs * 8),
            "what a request wants to know, and leaves 0; in a reply who asked",
            show_hardware,
        ),
        Spec("arp.target_ip", "Target IP", ips * 8, "whose MAC is wanted", show_protocol),
    )
    fields += lay_out(octets, at + ARP.octets, end, specs, ARP.source, inner=place.inner)
    whole = ARP.octets + 2 * (macs + ips)
    if at + whole > end:
        problems.append(place.cut_short(whole))
    return place.step("arp", ARP.name, fields, problems, "", padding=True)
