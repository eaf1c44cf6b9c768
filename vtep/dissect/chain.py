"""From header to header through a frame, down to the data."""

from collections.abc import Callable, Sequence
from typing import Literal

from vtep.dissect.link import parse_arp, parse_ethernet, parse_vlan
from vtep.dissect.model import Header, Spec, lay_out, show_octets
from vtep.dissect.network import parse_extension, parse_ipv4, parse_ipv6
from vtep.dissect.step import Place, Step
from vtep.dissect.transport import parse_icmp, parse_tcp, parse_udp
from vtep.dissect.tunnel import parse_vxlan
from vtep.wire import vxlan

First = Literal["ethernet", "ip", "vxlan"]

MAX_HEADERS = 32
"""Most headers that are told apart; what stands behind so many tags or extensions is payload."""

_PARSERS: dict[str, Callable[[Place], Step]] = {
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
    first: First = "ethernet",
    *,
    ports: Sequence[int] = (vxlan.PORT,),
    inner: bool = False,
) -> list[Header]:
    """Take a frame apart; never raises, whatever the octets are.

    The headers cover all octets, in order: what is no header is "payload", and what stands behind
    the end of its packet is "trailer". Of VXLAN in VXLAN only the outer one is looked into.

    Args:
        octets: what was on the wire, or its beginning.
        first: what it begins with.
        ports: UDP destination ports behind which there is VXLAN.
        inner: it is what a tunnel carries, so that all headers are inner ones.
    """
    place = Place(octets, 0, len(octets), inner, () if inner else ports)
    following: str = first
    if first == "ip":
        following = "ipv6" if octets[:1] and octets[0] >> 4 == 6 else "ipv4"
    headers: list[Header] = []
    trailers: list[Header] = []
    # Also where nothing is left: a header is missing.
    while following in _PARSERS and len(headers) < MAX_HEADERS:
        step = _PARSERS[following](place)
        headers.append(step.header)
        if step.place.end < place.end:
            trailers.append(_data(step.place._replace(at=step.place.end, end=place.end), "trailer"))
        place, following = step.place, step.following
    if place.at < place.end:
        headers.append(_data(place, "payload"))
    return headers + trailers[::-1]


def _data(place: Place, kind: str) -> Header:
    """Return the octets of a place as they are."""
    name, meaning = {
        "payload": ("Data", "what the headers are there for"),
        "trailer": ("Trailer", "behind the end of the packet: padding, or left over"),
    }[kind]
    spec = Spec(f"{kind}.data", name, (place.end - place.at) * 8, meaning, show_octets)
    fields = lay_out(place.octets, place.at, place.end, (spec,), "", inner=place.inner)
    return place.step(kind, name, fields, (), "").header
