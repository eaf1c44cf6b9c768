"""UDP, TCP, ICMP and ICMPv6."""

from vtep.dissect.checks import judged, unjudged
from vtep.dissect.model import (
    Field,
    Layout,
    Spec,
    lay_out,
    named,
    numbers,
    show_hex16,
    show_octets,
)
from vtep.dissect.options import TCP_NAMES, options_text
from vtep.dissect.step import Ip, Place, Step

_show_port = named(
    {
        22: "SSH",
        53: "DNS",
        67: "DHCP server",
        68: "DHCP client",
        80: "HTTP",
        443: "HTTPS",
        4789: "VXLAN",
        4790: "VXLAN-GPE",
        5201: "iperf3",
        8472: "VXLAN before 4789",
    }
)
UDP = Layout(
    "UDP",
    "RFC 768",
    (
        Spec(
            *("udp.source_port", "Source port", 16),
            "chosen by the inner flow, so that routers spread the load (RFC 7348 section 5)",
            _show_port,
            "of the sender",
        ),
        Spec(
            *("udp.destination_port", "Destination port", 16),
            "VXLAN's port is 4789, given by IANA",
            _show_port,
            "of the receiver",
        ),
        Spec("udp.length", "Length", 16, "8 of its own and all that follows"),
        Spec(
            *("udp.checksum", "Checksum", 16),
            "of addresses, header and data; 0, none, should be sent, must be taken (RFC 7348"
            " section 5)",
            show_hex16,
            "of addresses, header and data; 0 is none",
        ),
    ),
)
TCP = Layout(
    "TCP",
    "RFC 9293 section 3.1",
    (
        Spec("tcp.source_port", "Source port", 16, "of the sender", _show_port),
        Spec("tcp.destination_port", "Destination port", 16, "of the receiver", _show_port),
        Spec("tcp.sequence", "Sequence number", 32, "of the first octet of data"),
        Spec("tcp.acknowledgment", "Acknowledgment number", 32, "the next octet wanted"),
        Spec("tcp.data_offset", "Offset", 4, "length of this header, in words of 4 octets"),
        Spec("tcp.reserved", "Res", 4, "zero"),
        Spec("tcp.cwr", "CWR", 1, "the sender slowed down"),
        Spec("tcp.ece", "ECE", 1, "congestion was marked on the way; in a SYN: ECN is known"),
        Spec("tcp.urg", "URG", 1, "the urgent pointer is valid"),
        Spec("tcp.ack", "ACK", 1, "the acknowledgment number is valid"),
        Spec("tcp.psh", "PSH", 1, "hand it to the application now"),
        Spec("tcp.rst", "RST", 1, "the connection is refused or broken off"),
        Spec("tcp.syn", "SYN", 1, "a connection begins"),
        Spec("tcp.fin", "FIN", 1, "the sender has no more data"),
        Spec("tcp.window", "Window", 16, "octets the sender can take, before scaling"),
        Spec("tcp.checksum", "Checksum", 16, "of addresses, header and data", show_hex16),
        Spec("tcp.urgent_pointer", "Urgent pointer", 16, "where urgent data ends"),
    ),
)
_ICMP_TYPES = {
    0: "echo reply",
    3: "destination unreachable",
    5: "redirect",
    8: "echo request",
    11: "time exceeded",
}
_ICMPV6_TYPES = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    128: "echo request",
    129: "echo reply",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    143: "multicast listener report",
}
_ICMP_LEN = 8
_ECHO = (
    Spec("icmp.id", "Identifier", 16, "which ping it belongs to"),
    Spec("icmp.sequence", "Sequence number", 16, "which of its questions"),
)
_REST = Spec("icmp.rest", "Rest", 32, "its sense depends on the type", show_octets)


def _icmp(name: str, source: str, types: dict[int, str]) -> Layout:
    return Layout(
        name,
        source,
        (
            Spec("icmp.type", "Type", 8, "what it says", named(types)),
            Spec("icmp.code", "Code", 8, "more precisely"),
            Spec("icmp.checksum", "Checksum", 16, "of the whole message", show_hex16),
        ),
    )


ICMP = _icmp("ICMP", "RFC 792", _ICMP_TYPES)
ICMPV6 = _icmp("ICMPv6", "RFC 4443 section 2.1", _ICMPV6_TYPES)


def parse_udp(place: Place) -> Step:
    """Take a UDP header apart; VXLAN follows where its destination port says so."""
    octets, at, end = place.octets, place.at, place.end
    ip = _ip(place)
    fields = lay_out(octets, at, end, UDP.specs, UDP.source, inner=place.inner)
    there = end - at
    if there < UDP.octets:
        return place.too_short("udp", UDP.name, fields, UDP.octets)
    values = numbers(fields)
    length, carried = values["length"], there + ip.missing
    if length < UDP.octets:
        unjudged(fields, "not checked")
        problems = [f"the length field says {length} octets: 8 is the least"]
        return place.step("udp", UDP.name, fields, problems, "payload")
    problems = []
    if length != carried:
        problems.append(f"the length field says {length} octets, the IP packet carries {carried}")
    if values["checksum"] == 0:
        unjudged(fields, "none")
        if ip.version == 6 and place.inner:
            problems.append("no UDP checksum: over IPv6 only a tunnel may do that (RFC 6935)")
    else:
        problems += _judge(fields, "udp.checksum", place, length, "UDP")
    is_vxlan = values["destination_port"] in place.ports
    following = "vxlan" if is_vxlan else "payload"
    return place.step("udp", UDP.name, fields, problems, following, end=at + length)


def parse_tcp(place: Place) -> Step:
    """Take a TCP header and its options apart."""
    octets, at, end = place.octets, place.at, place.end
    fields = lay_out(octets, at, end, TCP.specs, TCP.source, inner=place.inner)
    there = end - at
    if there < TCP.octets:
        return place.too_short("tcp", TCP.name, fields, TCP.octets)
    values = numbers(fields)
    length = values["data_offset"] * 4
    problems = []
    if length < TCP.octets:
        problems.append(f"the header length is {length} octets: 20 is the least")
    elif length > TCP.octets:
        spec = Spec("tcp.options", "Options", (length - 20) * 8, "what both can do", show_octets)
        options = lay_out(octets, at + 20, end, (spec,), TCP.source, inner=place.inner)
        text = options_text(octets[at + 20 : min(at + length, end)], TCP_NAMES, is_tcp=True)
        fields += [field._replace(text=text) for field in options]
    if length > there:
        problems.append(place.cut_short(length))
    if values["syn"] and (values["fin"] or values["rst"]):
        problems.append("SYN with FIN or RST: no connection begins and ends at once")
    problems += _judge(fields, "tcp.checksum", place, there, "TCP")
    return place.step("tcp", TCP.name, fields, problems, "payload")


def parse_icmp(place: Place) -> Step:
    """Take an ICMP or ICMPv6 header apart, of an echo with identifier and number."""
    octets, at, end = place.octets, place.at, place.end
    is_v6 = _ip(place).version == 6
    layout, kind = (ICMPV6, "icmpv6") if is_v6 else (ICMP, "icmp")
    is_echo = at < end and octets[at] in ((128, 129) if is_v6 else (0, 8))
    specs = (*layout.specs, *(_ECHO if is_echo else (_REST,)))
    fields = lay_out(octets, at, end, specs, layout.source, inner=place.inner)
    if end - at < _ICMP_LEN:
        return place.too_short(kind, layout.name, fields, _ICMP_LEN)
    problems = _judge(fields, "icmp.checksum", place, end - at, layout.name)
    return place.step(kind, layout.name, fields, problems, "payload")


def _ip(place: Place) -> Ip:
    assert place.ip is not None, "a transport header stands behind an IP header"
    return place.ip


def _judge(fields: list[Field], key: str, place: Place, length: int, name: str) -> list[str]:
    """Judge a checksum over `length` octets from the header on, if all of them are here."""
    ip = _ip(place)
    if place.at + length > place.end or (name != "UDP" and ip.missing):
        unjudged(fields, "cut short, not checked")
        return []
    if ip.pseudo is None:
        unjudged(fields, "not checked: the routing header has the last address")
        return []
    pseudo = 0 if name == "ICMP" else ip.pseudo + ip.protocol + length
    return judged(fields, key, place.octets[place.at : place.at + length], pseudo, name=name)
