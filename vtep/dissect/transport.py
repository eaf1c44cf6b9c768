"""UDP, TCP, ICMP and ICMPv6."""

from vtep.dissect.checksum import mark_none, mark_unchecked, verify
from vtep.dissect.cursor import Cursor, IpContext, Parsed
from vtep.dissect.model import (
    Field,
    FieldSpec,
    HeaderLayout,
    named,
    numbers,
    show_hex16,
    show_octets,
)
from vtep.dissect.options import TCP_NAMES, options_text

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
        8472: "VXLAN, Linux default",
    }
)
UDP_LAYOUT = HeaderLayout(
    "UDP",
    "RFC 768",
    (
        FieldSpec(
            *("udp.source_port", "Source port", 16),
            "hash of the inner flow: routers spread flows by it (RFC 7348 section 5)",
            _show_port,
            "port of the sender",
        ),
        FieldSpec(
            *("udp.destination_port", "Destination port", 16),
            "4789 is VXLAN's port, assigned by IANA",
            _show_port,
            "port of the receiver",
        ),
        FieldSpec("udp.length", "Length", 16, "this header, 8 bytes, and the payload"),
        FieldSpec(
            *("udp.checksum", "Checksum", 16),
            "covers addresses, header and data; 0 means no checksum: SHOULD be sent, MUST be"
            " accepted (RFC 7348 section 5)",
            show_hex16,
            "covers addresses, header and data; 0 means no checksum",
        ),
    ),
)
TCP_LAYOUT = HeaderLayout(
    "TCP",
    "RFC 9293 section 3.1",
    (
        FieldSpec("tcp.source_port", "Source port", 16, "port of the sender", _show_port),
        FieldSpec("tcp.destination_port", "Destination port", 16, "of the receiver", _show_port),
        FieldSpec("tcp.sequence", "Sequence number", 32, "number of the first data byte"),
        FieldSpec("tcp.acknowledgment", "Acknowledgment number", 32, "next byte expected"),
        FieldSpec("tcp.data_offset", "Offset", 4, "length of this header, in words of 4 bytes"),
        FieldSpec("tcp.reserved", "Res", 4, "zero"),
        FieldSpec("tcp.cwr", "CWR", 1, "1: the sender reduced its window after congestion"),
        FieldSpec("tcp.ece", "ECE", 1, "1: a router marked congestion; in a SYN: ECN is supported"),
        FieldSpec("tcp.urg", "URG", 1, "1: the urgent pointer is valid"),
        FieldSpec("tcp.ack", "ACK", 1, "1: the acknowledgment number is valid"),
        FieldSpec("tcp.psh", "PSH", 1, "1: pass the data to the application now"),
        FieldSpec("tcp.rst", "RST", 1, "1: the connection is refused or aborted"),
        FieldSpec("tcp.syn", "SYN", 1, "1: a connection begins"),
        FieldSpec("tcp.fin", "FIN", 1, "1: the sender has no more data"),
        FieldSpec("tcp.window", "Window", 16, "bytes the sender can receive, before scaling"),
        FieldSpec("tcp.checksum", "Checksum", 16, "covers addresses, header and data", show_hex16),
        FieldSpec("tcp.urgent_pointer", "Urgent pointer", 16, "end of the urgent data"),
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
    FieldSpec("icmp.id", "Identifier", 16, "identifies one run of ping"),
    FieldSpec("icmp.sequence", "Sequence number", 16, "counts the requests of this ping"),
)
_REST = FieldSpec("icmp.rest", "Rest", 32, "depends on the type", show_octets)


def _icmp(name: str, source: str, types: dict[int, str]) -> HeaderLayout:
    return HeaderLayout(
        name,
        source,
        (
            FieldSpec("icmp.type", "Type", 8, "type of the message", named(types)),
            FieldSpec("icmp.code", "Code", 8, "subtype"),
            FieldSpec("icmp.checksum", "Checksum", 16, "covers the whole message", show_hex16),
        ),
    )


ICMP_LAYOUT = _icmp("ICMP", "RFC 792", _ICMP_TYPES)
ICMPV6_LAYOUT = _icmp("ICMPv6", "RFC 4443 section 2.1", _ICMPV6_TYPES)


def parse_udp(here: Cursor) -> Parsed:
    """Parse a UDP header; VXLAN follows if the destination port is one of its ports."""
    ip, room, name = _ip(here), here.room, UDP_LAYOUT.name
    fields = here.fields(UDP_LAYOUT)
    if room < UDP_LAYOUT.octets:
        return here.incomplete("udp", name, fields, UDP_LAYOUT.octets)
    values = numbers(fields)
    length, carried = values["length"], room + ip.missing
    if length < UDP_LAYOUT.octets:
        mark_unchecked(fields)
        problems = [f"the length field says {length} bytes: the minimum is 8"]
        return here.parsed("udp", name, fields, problems, "payload")
    problems = []
    if length != carried:
        problems.append(f"the length field says {length} bytes, the IP packet carries {carried}")
    if values["checksum"] == 0:
        mark_none(fields)
        if ip.version == 6 and here.inner:
            problems.append("no UDP checksum: over IPv6 only a tunnel may omit it (RFC 6935)")
    else:
        problems += _verify(fields, "udp.checksum", here, length, name)
    following = "vxlan" if values["destination_port"] in here.ports else "payload"
    return here.parsed("udp", name, fields, problems, following, end=here.at + length)


def parse_tcp(here: Cursor) -> Parsed:
    """Parse a TCP header and its options."""
    room, name = here.room, TCP_LAYOUT.name
    fields = here.fields(TCP_LAYOUT)
    if room < TCP_LAYOUT.octets:
        return here.incomplete("tcp", name, fields, TCP_LAYOUT.octets)
    values = numbers(fields)
    length = values["data_offset"] * 4
    problems = []
    if length < TCP_LAYOUT.octets:
        problems.append(f"the header length is {length} bytes: the minimum is 20")
    elif length > TCP_LAYOUT.octets:
        begin, bits = here.at + TCP_LAYOUT.octets, (length - TCP_LAYOUT.octets) * 8
        spec = FieldSpec("tcp.options", "Options", bits, "abilities of the sender", show_octets)
        options = here.fields_at(begin, (spec,), TCP_LAYOUT.source)
        octets = here.octets[begin : min(here.at + length, here.end)]
        text = options_text(octets, TCP_NAMES, is_tcp=True)
        fields += [field._replace(text=text) for field in options]
    if length > room:
        problems.append(here.cut_short(length))
    if values["syn"] and (values["fin"] or values["rst"]):
        problems.append("SYN with FIN or RST: a connection cannot begin and end in one segment")
    problems += _verify(fields, "tcp.checksum", here, room, name)
    return here.parsed("tcp", name, fields, problems, "payload")


def parse_icmp(here: Cursor) -> Parsed:
    """Parse an ICMP or ICMPv6 header; an echo also has an identifier and a sequence number."""
    is_v6 = _ip(here).version == 6
    layout, kind = (ICMPV6_LAYOUT, "icmpv6") if is_v6 else (ICMP_LAYOUT, "icmp")
    is_echo = here.room > 0 and here.octets[here.at] in ((128, 129) if is_v6 else (0, 8))
    specs = (*layout.specs, *(_ECHO if is_echo else (_REST,)))
    fields = here.fields_at(here.at, specs, layout.source)
    if here.room < _ICMP_LEN:
        return here.incomplete(kind, layout.name, fields, _ICMP_LEN)
    problems = _verify(fields, "icmp.checksum", here, here.room, layout.name)
    return here.parsed(kind, layout.name, fields, problems, "payload")


def _ip(here: Cursor) -> IpContext:
    assert here.ip is not None, "a transport header follows an IP header"
    return here.ip


def _verify(fields: list[Field], key: str, here: Cursor, length: int, name: str) -> list[str]:
    """Verify a checksum over `length` octets from the header on, if all of them are present."""
    ip = _ip(here)
    if here.at + length > here.end or (name != "UDP" and ip.missing):
        mark_unchecked(fields, "cut short")
        return []
    if ip.pseudo is None:
        mark_unchecked(fields, "the final address is in the routing header")
        return []
    pseudo = 0 if name == "ICMP" else ip.pseudo + ip.protocol + length
    return verify(fields, key, here.octets[here.at : here.at + length], pseudo, name=name)
