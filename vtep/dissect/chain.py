"""Dissect a frame header by header, down to the payload."""

from collections.abc import Callable, Sequence
from typing import Literal

from vtep.dissect.cursor import Cursor, Parsed
from vtep.dissect.link import parse_arp, parse_ethernet, parse_vlan
from vtep.dissect.model import FieldSpec, Header, show_octets
from vtep.dissect.network import parse_extension, parse_ipv4, parse_ipv6
from vtep.dissect.transport import parse_icmp, parse_tcp, parse_udp
from vtep.dissect.tunnel import parse_vxlan
from vtep.wire import vxlan

FirstHeader = Literal["ethernet", "ip", "vxlan"]
"""Kind of the first header of dissected octets."""

MAX_HEADERS = 32
"""Maximum number of headers; the rest is payload, so a tower of tags or extensions is bounded."""

_PARSERS: dict[str, Callable[[Cursor], Parsed]] = {
    "ethernet": parse_ethernet,
    "vlan": parse_vlan,
    "arp": parse_arp,
    "ipv4": parse_ipv4,
    "ipv6": parse_ipv6,
    "extension": parse_extension,
    "icmp": parse_icmp,
    "icmpv6": parse_icmp,
    "udp": parse_udp,
    "tcp": parse_tcp,
    "vxlan": parse_vxlan,
}


def dissect(
    octets: bytes,
    first: FirstHeader = "ethernet",
    *,
    ports: Sequence[int] = (vxlan.PORT,),
    inner: bool = False,
) -> list[Header]:
    """Split a frame into headers; never raises, whatever the octets are.

    The headers cover all octets, in order. Octets without a parser become "payload"; octets after
    the end of their packet become "trailer". Only the outer header of VXLAN in VXLAN is parsed.

    Args:
        octets: octets from the wire, or the beginning of them.
        first: kind of the first header.
        ports: UDP destination ports of VXLAN.
        inner: whether the octets are the payload of a tunnel, so that all headers are inner ones.
    """
    cursor = Cursor(octets, 0, len(octets), inner, () if inner else ports)
    following: str = first
    if first == "ip":
        following = "ipv6" if octets[:1] and octets[0] >> 4 == 6 else "ipv4"
    headers: list[Header] = []
    trailers: list[Header] = []
    # A parser runs even if no octets are left: then it reports the missing header.
    while following in _PARSERS and len(headers) < MAX_HEADERS:
        parsed = _PARSERS[following](cursor)
        headers.append(parsed.header)
        stop = parsed.cursor.end
        if stop < cursor.end:
            trailers.append(_data(parsed.cursor._replace(at=stop, end=cursor.end), "trailer"))
        cursor, following = parsed.cursor, parsed.following
    if cursor.at < cursor.end:
        headers.append(_data(cursor, "payload"))
    return headers + trailers[::-1]


def _data(cursor: Cursor, kind: str) -> Header:
    """Return the octets from the cursor to its end as one header."""
    name, meaning = {
        "payload": ("Data", "payload of the headers before it"),
        "trailer": ("Trailer", "after the end of the packet: padding, or left over"),
    }[kind]
    spec = FieldSpec(f"{kind}.data", name, cursor.room * 8, meaning, show_octets)
    fields = cursor.fields_at(cursor.at, (spec,), "")
    return cursor.parsed(kind, name, fields, (), "").header
