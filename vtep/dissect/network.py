"""IPv4, and IPv6 with the extension headers that vtep.wire.ip skips."""

from vtep.dissect.checksum import mark_unchecked, verify
from vtep.dissect.cursor import Cursor, IpContext, Parsed
from vtep.dissect.model import (
    FieldSpec,
    HeaderLayout,
    named,
    numbers,
    show_hex16,
    show_ip,
    show_octets,
)
from vtep.dissect.options import IPV4_NAMES, options_text
from vtep.wire import ip
from vtep.wire.checksum import ones_sum

MAX_EXTENSIONS = 8
"""Maximum number of extension headers, as in vtep.wire.ip; the rest is payload."""

_EXTENSIONS = {0: "hop_by_hop", 43: "routing", 44: "fragment", 60: "destination_options"}
_FOLLOWING = {4: {1: "icmp", 6: "tcp", 17: "udp"}, 6: {6: "tcp", 17: "udp", 58: "icmpv6"}}
_show_protocol = named(
    {
        0: "hop-by-hop options",
        1: "ICMP",
        2: "IGMP",
        4: "IPv4",
        6: "TCP",
        17: "UDP",
        41: "IPv6",
        43: "routing",
        44: "fragment",
        47: "GRE",
        50: "ESP",
        58: "ICMPv6",
        59: "nothing",
        60: "destination options",
        89: "OSPF",
        132: "SCTP",
    }
)
_show_ecn = named({0: "not ECN", 1: "ECT(1)", 2: "ECT(0)", 3: "congestion"})

_SOURCE = "sending VTEP: the receiver learns that the inner source MAC is behind it"
_INNER_SOURCE = "sending container; the underlay never reads this address"
_DESTINATION = "receiving VTEP"
_INNER_DESTINATION = "receiving container"
_HOPS = "routers that may still forward it; the inner packet has its own limit"
_INNER_HOPS = "routers that may still forward it; the tunnel does not count"
_DIFFERENTIATED = (
    FieldSpec("ip.dscp", "DSCP", 6, "class of service", source="RFC 2474 section 3"),
    FieldSpec(
        *(
            "ip.ecn",
            "ECN",
            2,
            "congestion notification bits: whether routers may mark, and whether one did",
        ),
        _show_ecn,
        source="RFC 3168 section 5",
    ),
)
IPV4_LAYOUT = HeaderLayout(
    "IPv4",
    "RFC 791 section 3.1",
    (
        FieldSpec("ip.version", "Version", 4, "IP version: 4"),
        FieldSpec("ip.header_length", "IHL", 4, "length of this header, in words of 4 bytes"),
        *_DIFFERENTIATED,
        FieldSpec(
            *("ip.total_length", "Total length", 16),
            "header and payload: the MTU of the underlay limits this",
            str,
            "header and payload: the MTU of the overlay limits this",
        ),
        FieldSpec("ip.id", "Identification", 16, "the same in all fragments", show_hex16),
        FieldSpec("ip.reserved", "Reserved", 1, "zero"),
        FieldSpec(
            *("ip.dont_fragment", "DF", 1),
            "1: routers must not fragment it (RFC 7348 leaves that to the sender)",
            str,
            "1: routers must not fragment it",
        ),
        FieldSpec("ip.more_fragments", "MF", 1, "1: more fragments follow"),
        FieldSpec("ip.fragment_offset", "Fragment offset", 13, "position, in units of 8 bytes"),
        FieldSpec("ip.ttl", "TTL", 8, _HOPS, str, _INNER_HOPS),
        FieldSpec(
            *("ip.protocol", "Protocol", 8),
            "protocol of the payload: UDP, so that any IP network can carry it",
            _show_protocol,
            "protocol of the payload",
        ),
        FieldSpec("ip.checksum", "Header checksum", 16, "covers this header only", show_hex16),
        FieldSpec("ip.source", "Source", 32, _SOURCE, show_ip, _INNER_SOURCE),
        FieldSpec("ip.destination", "Destination", 32, _DESTINATION, show_ip, _INNER_DESTINATION),
    ),
)
IPV6_LAYOUT = HeaderLayout(
    "IPv6",
    "RFC 8200 section 3",
    (
        FieldSpec("ip.version", "Version", 4, "IP version: 6"),
        *_DIFFERENTIATED,
        FieldSpec("ip.flow_label", "Flow label", 20, "the same in all packets of a flow, or 0"),
        FieldSpec("ip.payload_length", "Payload length", 16, "bytes after this header"),
        FieldSpec("ip.next_header", "Next header", 8, "type of the next header", _show_protocol),
        FieldSpec("ip.hop_limit", "Hop limit", 8, _HOPS, str, _INNER_HOPS),
        FieldSpec("ip.source", "Source", 128, _SOURCE, show_ip, _INNER_SOURCE),
        FieldSpec("ip.destination", "Destination", 128, _DESTINATION, show_ip, _INNER_DESTINATION),
    ),
)
_NEXT = FieldSpec(
    "extension.next_header", "Next header", 8, "type of the next header", _show_protocol
)
_LENGTH = FieldSpec("extension.length", "Length", 8, "in units of 8 bytes, without the first 8")
_FRAGMENT = (
    _NEXT,
    FieldSpec("extension.reserved_8", "Reserved", 8, "zero"),
    FieldSpec("extension.fragment_offset", "Fragment offset", 13, "position, in units of 8 bytes"),
    FieldSpec("extension.reserved_29", "Res", 2, "zero"),
    FieldSpec("extension.more_fragments", "M", 1, "1: more fragments follow"),
    FieldSpec("extension.id", "Identification", 32, "the same in all fragments"),
)
_ROUTING = (
    _NEXT,
    _LENGTH,
    FieldSpec("extension.routing_type", "Routing type", 8, "type of the routing header"),
    FieldSpec("extension.segments_left", "Segments left", 8, "nodes still to visit"),
)
_EXTENSION_LAYOUTS = {
    0: HeaderLayout("Hop-by-hop options", "RFC 8200 section 4.3", (_NEXT, _LENGTH)),
    43: HeaderLayout("Routing", "RFC 8200 section 4.4", _ROUTING),
    44: HeaderLayout("Fragment", "RFC 8200 section 4.5", _FRAGMENT),
    60: HeaderLayout("Destination options", "RFC 8200 section 4.6", (_NEXT, _LENGTH)),
}

_FRAGMENTED = (
    "a fragment: routers may make one, a VTEP must not (RFC 7348 section 4.3); a VTEP does not"
    " receive one: the kernel reassembles the packet first"
)


def parse_ipv4(here: Cursor) -> Parsed:
    """Parse an IPv4 header and its options."""
    octets, at, room = here.octets, here.at, here.room
    name = IPV4_LAYOUT.name
    fields = here.fields(IPV4_LAYOUT)
    if room < IPV4_LAYOUT.octets:
        return here.incomplete("ipv4", name, fields, IPV4_LAYOUT.octets)
    values = numbers(fields)
    total, length = values["total_length"], values["header_length"] * 4
    problems = _version(values, 4)
    if length < ip.IPV4_LEN:
        mark_unchecked(fields)
        problems.append(f"the header length is {length} bytes: the minimum is 20")
        return here.parsed("ipv4", name, fields, problems, "payload")
    if length > room:
        problems.append(here.cut_short(length))
    if length > ip.IPV4_LEN:
        bits = (length - ip.IPV4_LEN) * 8
        spec = FieldSpec("ip.options", "Options", bits, "rarely used", show_octets)
        options = here.fields_at(at + 20, (spec,), IPV4_LAYOUT.source)
        text = options_text(octets[at + 20 : min(at + length, here.end)], IPV4_NAMES, is_tcp=False)
        fields += [field._replace(text=text) for field in options]
    if length <= room:
        covered = octets[at : at + length]
        problems += verify(fields, "ip.checksum", covered, name="IPv4 header")
    else:
        mark_unchecked(fields, "cut short")
    if total < length:
        problems.append(f"the length field says {total} bytes, the header has {length}")
        return here.parsed("ipv4", name, fields, problems, "payload")
    missing = _missing(at + total, here.end, problems, total, room)
    if values["reserved"]:
        problems.append("the reserved flag is set: it must be zero")
    if values["ttl"] == 0:
        problems.append("TTL 0: no router forwards it")
    fragment = values["more_fragments"] or values["fragment_offset"]
    if fragment and not here.inner:
        problems.append(_FRAGMENTED)
    protocol = values["protocol"]
    pseudo = ones_sum(octets[at + 12 : at + 20])
    following = "payload" if fragment else _FOLLOWING[4].get(protocol, "payload")
    context = IpContext(pseudo, 4, protocol, missing)
    return here.parsed("ipv4", name, fields, problems, following, end=at + total, ip=context)


def parse_ipv6(here: Cursor) -> Parsed:
    """Parse the fixed IPv6 header."""
    name = IPV6_LAYOUT.name
    fields = here.fields(IPV6_LAYOUT)
    if here.room < IPV6_LAYOUT.octets:
        return here.incomplete("ipv6", name, fields, IPV6_LAYOUT.octets)
    values = numbers(fields)
    problems = _version(values, 6)
    payload = values["payload_length"]
    after = here.at + IPV6_LAYOUT.octets
    missing = _missing(after + payload, here.end, problems, payload, here.end - after)
    if values["hop_limit"] == 0:
        problems.append("hop limit 0: no router forwards it")
    protocol = values["next_header"]
    context = IpContext(ones_sum(here.octets[here.at + 8 : here.at + 40]), 6, protocol, missing)
    following = _after_ipv6(protocol)
    return here.parsed("ipv6", name, fields, problems, following, end=after + payload, ip=context)


def parse_extension(here: Cursor) -> Parsed:
    """Parse one IPv6 extension header; here.ip.protocol is its type."""
    before = here.ip
    assert before is not None, "an extension header follows an IPv6 header"
    layout, kind = _EXTENSION_LAYOUTS[before.protocol], _EXTENSIONS[before.protocol]
    fields = here.fields(layout)
    if here.room < 8:
        return here.incomplete(kind, layout.name, fields, 8)
    values = numbers(fields)
    problems = []
    fragment = False
    pseudo = before.pseudo
    if before.protocol == 44:
        # Offset 0 and no more fragments: an atomic fragment, a whole packet (RFC 6946).
        fragment = bool(values["fragment_offset"] or values["more_fragments"])
        if fragment and not here.inner:
            problems.append(_FRAGMENTED)
    else:
        length = 8 + values["length"] * 8
        bits = (length - layout.octets) * 8
        rest = FieldSpec("extension.data", "Data", bits, "options of this header", show_octets)
        fields += here.fields_at(here.at + layout.octets, (rest,), layout.source)
        if length > here.room:
            problems.append(here.cut_short(length))
            return here.parsed(kind, layout.name, fields, problems, "payload")
        if values.get("segments_left"):
            pseudo = None  # the final destination is in the routing header
    skipped = before.extensions + 1
    protocol = values["next_header"]
    following = "payload" if fragment else _after_ipv6(protocol)
    if following == "extension" and skipped == MAX_EXTENSIONS:
        problems.append(f"more than {MAX_EXTENSIONS} extension headers: the rest is not dissected")
        following = "payload"
    context = before._replace(pseudo=pseudo, protocol=protocol, extensions=skipped)
    return here.parsed(kind, layout.name, fields, problems, following, ip=context)


def _after_ipv6(protocol: int) -> str:
    return "extension" if protocol in _EXTENSIONS else _FOLLOWING[6].get(protocol, "payload")


def _version(values: dict[str, int], expected: int) -> list[str]:
    version = values["version"]
    return [] if version == expected else [f"the version is {version}, expected {expected}"]


def _missing(stop: int, end: int, problems: list[str], stated: int, present: int) -> int:
    """Return the number of octets missing up to `stop`, and add that to `problems`."""
    if stop <= end:
        return 0
    problems.append(f"the length field says {stated} bytes, {present} are here")
    return stop - end
