"""IPv4, and IPv6 with the extension headers that vtep.wire.ip skips."""

from vtep.dissect.checks import judged, unjudged
from vtep.dissect.model import (
    Layout,
    Spec,
    lay_out,
    named,
    numbers,
    show_hex16,
    show_ip,
    show_octets,
)
from vtep.dissect.options import IPV4_NAMES, options_text
from vtep.dissect.step import Ip, Place, Step
from vtep.wire import ip
from vtep.wire.checksum import ones_sum

MAX_EXTENSIONS = 8
"""As many as vtep.wire.ip skips; what stands behind more of them is not looked at."""

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

_SOURCE = "the VTEP that sends: the other end learns that the inner source is behind it"
_INNER_SOURCE = "the container; the underlay never sees this address"
_DIFFERENTIATED = (
    Spec("ip.dscp", "DSCP", 6, "class of service", source="RFC 2474 section 3"),
    Spec(
        *("ip.ecn", "ECN", 2, "whether routers may mark congestion, and did"),
        _show_ecn,
        source="RFC 3168 section 5",
    ),
)
IPV4 = Layout(
    "IPv4",
    "RFC 791 section 3.1",
    (
        Spec("ip.version", "Version", 4, "4: which IP this is"),
        Spec("ip.header_length", "IHL", 4, "length of this header, in words of 4 octets"),
        *_DIFFERENTIATED,
        Spec(
            *("ip.total_length", "Total length", 16),
            "all from here to the end, so this is what the underlay's MTU limits",
            str,
            "header and all that follows: what the MTU of the overlay limits",
        ),
        Spec("ip.id", "Identification", 16, "which fragments belong together", show_hex16),
        Spec("ip.reserved", "Reserved", 1, "zero"),
        Spec(
            *("ip.dont_fragment", "DF", 1),
            "a tunnel never fragments (RFC 7348 section 4.3)",
            str,
            "no router may cut it",
        ),
        Spec("ip.more_fragments", "MF", 1, "more fragments follow"),
        Spec("ip.fragment_offset", "Fragment offset", 13, "where it belongs, in 8 octets"),
        Spec(
            *("ip.ttl", "TTL", 8),
            "routers it may still pass; the inner packet keeps its own",
            str,
            "routers it may still pass; the tunnel does not count",
        ),
        Spec(
            *("ip.protocol", "Protocol", 8),
            "what follows: UDP, so that any IP network can carry it",
            _show_protocol,
            "what follows",
        ),
        Spec("ip.checksum", "Header checksum", 16, "of this header alone", show_hex16),
        Spec("ip.source", "Source", 32, _SOURCE, show_ip, _INNER_SOURCE),
        Spec(
            "ip.destination",
            "Destination",
            32,
            "the VTEP that receives",
            show_ip,
            "the other container",
        ),
    ),
)
IPV6 = Layout(
    "IPv6",
    "RFC 8200 section 3",
    (
        Spec("ip.version", "Version", 4, "6: which IP this is"),
        *_DIFFERENTIATED,
        Spec("ip.flow_label", "Flow label", 20, "the same for all packets of a flow, or 0"),
        Spec("ip.payload_length", "Payload length", 16, "all behind this header"),
        Spec("ip.next_header", "Next header", 8, "what follows", _show_protocol),
        Spec(
            *("ip.hop_limit", "Hop limit", 8),
            "routers it may still pass; the inner packet keeps its own",
            str,
            "routers it may still pass; the tunnel does not count",
        ),
        Spec("ip.source", "Source", 128, _SOURCE, show_ip, _INNER_SOURCE),
        Spec(
            "ip.destination",
            "Destination",
            128,
            "the VTEP that receives",
            show_ip,
            "the other container",
        ),
    ),
)
_NEXT = Spec("extension.next_header", "Next header", 8, "what follows", _show_protocol)
_LENGTH = Spec("extension.length", "Length", 8, "in 8 octets, the first 8 not counted")
_FRAGMENT = (
    _NEXT,
    Spec("extension.reserved_8", "Reserved", 8, "zero"),
    Spec("extension.fragment_offset", "Fragment offset", 13, "where it belongs, in 8 octets"),
    Spec("extension.reserved_29", "Res", 2, "zero"),
    Spec("extension.more_fragments", "M", 1, "more fragments follow"),
    Spec("extension.id", "Identification", 32, "which fragments belong together"),
)
_ROUTING = (
    _NEXT,
    _LENGTH,
    Spec("extension.routing_type", "Routing type", 8, "which kind of routing header"),
    Spec("extension.segments_left", "Segments left", 8, "stations still to be visited"),
)
_EXTENSION_NAMES = {
    0: ("Hop-by-hop options", "RFC 8200 section 4.3", (_NEXT, _LENGTH)),
    43: ("Routing", "RFC 8200 section 4.4", _ROUTING),
    44: ("Fragment", "RFC 8200 section 4.5", _FRAGMENT),
    60: ("Destination options", "RFC 8200 section 4.6", (_NEXT, _LENGTH)),
}


def parse_ipv4(place: Place) -> Step:
    """Take an IPv4 header and its options apart."""
    octets, at, end = place.octets, place.at, place.end
    fields = lay_out(octets, at, end, IPV4.specs, IPV4.source, inner=place.inner)
    there = end - at
    if there < IPV4.octets:
        return place.too_short("ipv4", IPV4.name, fields, IPV4.octets)
    values = numbers(fields)
    total, length = values["total_length"], values["header_length"] * 4
    problems = _version(values, 4)
    if length < ip.IPV4_LEN:
        unjudged(fields, "not checked")
        problems.append(f"the header length is {length} octets: 20 is the least")
        return place.step("ipv4", IPV4.name, fields, problems, "payload")
    if length > there:
        problems.append(place.cut_short(length))
    if length > ip.IPV4_LEN:
        spec = Spec("ip.options", "Options", (length - ip.IPV4_LEN) * 8, "rare", show_octets)
        options = lay_out(octets, at + 20, end, (spec,), IPV4.source, inner=place.inner)
        text = options_text(octets[at + 20 : min(at + length, end)], IPV4_NAMES, is_tcp=False)
        fields += [field._replace(text=text) for field in options]
    if length <= there:
        covered = octets[at : at + length]
        problems += judged(fields, "ip.checksum", covered, name="IPv4 header")
    else:
        unjudged(fields, "cut short, not checked")
    if total < length:
        problems.append(f"the length field says {total} octets, the header alone has {length}")
        return place.step("ipv4", IPV4.name, fields, problems, "payload")
    missing = _missing(at + total, end, problems, total, there)
    if values["reserved"]:
        problems.append("the reserved flag is set: it must be zero")
    if values["ttl"] == 0:
        problems.append("TTL 0: no router forwards it")
    fragment = values["more_fragments"] or values["fragment_offset"]
    if fragment and not place.inner:
        problems.append(_FRAGMENTED)
    protocol = values["protocol"]
    pseudo = ones_sum(octets[at + 12 : at + 20])
    following = "payload" if fragment else _FOLLOWING[4].get(protocol, "payload")
    context = Ip(pseudo, 4, protocol, missing)
    return place.step("ipv4", IPV4.name, fields, problems, following, end=at + total, ip=context)


_FRAGMENTED = (
    "a fragment: a VTEP must not make them (RFC 7348 section 4.3), and none sees one"
    " before the kernel has the whole packet"
)


def parse_ipv6(place: Place) -> Step:
    """Take the fixed IPv6 header apart."""
    octets, at, end = place.octets, place.at, place.end
    fields = lay_out(octets, at, end, IPV6.specs, IPV6.source, inner=place.inner)
    if end - at < IPV6.octets:
        return place.too_short("ipv6", IPV6.name, fields, IPV6.octets)
    values = numbers(fields)
    problems = _version(values, 6)
    payload = values["payload_length"]
    after = at + IPV6.octets
    missing = _missing(after + payload, end, problems, payload, end - after)
    if values["hop_limit"] == 0:
        problems.append("hop limit 0: no router forwards it")
    protocol = values["next_header"]
    context = Ip(ones_sum(octets[at + 8 : at + 40]), 6, protocol, missing)
    following = _behind(protocol)
    return place.step(
        "ipv6", IPV6.name, fields, problems, following, end=after + payload, ip=context
    )


def parse_extension(place: Place) -> Step:
    """Take one extension header apart; place.ip.protocol says which."""
    octets, at, end, before = place.octets, place.at, place.end, place.ip
    assert before is not None
    name, source, specs = _EXTENSION_NAMES[before.protocol]
    fields = lay_out(octets, at, end, specs, source, inner=place.inner)
    kind = _EXTENSIONS[before.protocol]
    if end - at < 8:
        return place.too_short(kind, name, fields, 8)
    values = numbers(fields)
    problems = []
    fragment = False
    pseudo = before.pseudo
    if before.protocol == 44:
        # Offset 0 and no more to come: an atomic fragment, whole in itself (RFC 6946).
        fragment = bool(values["fragment_offset"] or values["more_fragments"])
        if fragment and not place.inner:
            problems.append(_FRAGMENTED)
    else:
        length = 8 + values["length"] * 8
        fixed = sum(spec.bits for spec in specs) // 8
        rest = Spec("extension.data", "Data", (length - fixed) * 8, "its options", show_octets)
        fields += lay_out(octets, at + fixed, end, (rest,), source, inner=place.inner)
        if at + length > end:
            problems.append(place.cut_short(length))
            return place.step(kind, name, fields, problems, "payload")
        if values.get("segments_left"):
            pseudo = None  # the last destination stands in the routing header
    skipped = before.extensions + 1
    protocol = values["next_header"]
    following = "payload" if fragment else _behind(protocol)
    if following == "extension" and skipped == MAX_EXTENSIONS:
        problems.append(f"more than {MAX_EXTENSIONS} extension headers: the rest is not read")
        following = "payload"
    context = before._replace(pseudo=pseudo, protocol=protocol, extensions=skipped)
    return place.step(kind, name, fields, problems, following, ip=context)


def _behind(protocol: int) -> str:
    return "extension" if protocol in _EXTENSIONS else _FOLLOWING[6].get(protocol, "payload")


def _version(values: dict[str, int], wanted: int) -> list[str]:
    version = values["version"]
    return [] if version == wanted else [f"the version is {version}, where {wanted} is expected"]


def _missing(stop: int, end: int, problems: list[str], said: int, there: int) -> int:
    """Return how many octets are missing up to `stop`, and tell so in `problems`."""
    if stop <= end:
        return 0
    problems.append(f"the length field says {said} octets, {there} are here")
    return stop - end
