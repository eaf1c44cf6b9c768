"""What the kernel does with a frame before a VTEP sees it: finds the datagram, or refuses it."""

from collections.abc import Sequence
from typing import NamedTuple

from vtep.decode.inputs import Given
from vtep.dissect import Header, Status, status
from vtep.wire import ethernet, ip, outer, vxlan


class Datagram(NamedTuple):
    """What the kernel hands to the VTEP.

    Attributes:
        payload: VXLAN header and frame.
        sender, destination: outer IP addresses; None where they are not in the octets.
        port: the UDP source port; 0 where it is not in the octets.
    """

    payload: bytes
    sender: str | None
    destination: str | None
    port: int


class Refusal(NamedTuple):
    """Why the kernel keeps it, in a word and in a sentence."""

    reason: str
    text: str


def received(
    given: Given, headers: Sequence[Header], ports: Sequence[int], local: str | None
) -> Datagram | Refusal | None:
    """Return what the kernel hands on, or why it does not; None for what is no VXLAN.

    Args:
        given: the frame.
        headers: what dissect says of it.
        ports: UDP ports of VXLAN.
        local: our address; None for any.
    """
    by_key = {header.key: header for header in reversed(headers)}
    tunnel, udp = by_key.get("vxlan"), by_key.get("outer_udp")
    network = by_key.get("outer_ipv4") or by_key.get("outer_ipv6")
    if network is None:
        return _bare(given.octets[tunnel.at :]) if tunnel is not None else None
    if udp is None:
        return _FRAGMENT if _is_fragment_of_udp(network, by_key.get("outer_fragment")) else None
    if _number(udp, "udp.destination_port") not in ports:
        return None
    refusal = _refusal_of_ip(given, network) or _refusal_of_udp(given, network, udp)
    texts = {field.key: field.text for field in network.fields}
    sender, destination = texts["ip.source"], texts["ip.destination"]
    if refusal is None and local is not None and destination != local:
        refusal = Refusal("other_host", f"not for us: it goes to {destination}, we are {local}")
    if refusal is not None:
        return refusal
    at, size = udp.at + ip.UDP_LEN, _number(udp, "udp.length") - ip.UDP_LEN
    payload = given.octets[at : at + size]
    if len(payload) < min(size, _NEEDED):
        text = f"not known: the capture kept {len(payload)} of {size} octets of the datagram"
        return Refusal("not_captured", text)
    return Datagram(payload, sender, destination, _number(udp, "udp.source_port"))


_NEEDED = vxlan.HEADER_LEN + ethernet.HEADER_LEN + ethernet.TAG_LEN
"""Octets of a datagram on which it depends whether it is delivered."""

_FRAGMENT = Refusal(
    "fragment",
    "not known: a fragment of a UDP packet, and the kernel hands on nothing before it has all",
)


def _bare(payload: bytes) -> Datagram | Refusal:
    """Return a datagram that came without the headers around it."""
    if len(payload) > outer.MAX_PACKET - ip.UDP_LEN:
        return Refusal("udp_length", f"no UDP datagram holds {len(payload)} octets")
    return Datagram(payload, None, None, 0)


def _is_fragment_of_udp(network: Header, extension: Header | None) -> bool:
    if extension is not None:
        kind, following = "extension", _number(extension, "extension.next_header")
        header = extension
    else:
        kind, following, header = "ip", _number(network, "ip.protocol"), network
    is_fragment = _number(header, f"{kind}.more_fragments", 0) > 0 or (
        _number(header, f"{kind}.fragment_offset", 0) > 0
    )
    return is_fragment and following == ip.UDP


def _refusal_of_ip(given: Given, network: Header) -> Refusal | None:
    there = given.size - network.at
    version = _number(network, "ip.version")
    if not network.key.endswith(f"v{version}"):
        return Refusal("ip_version", f"the outer IP header says that its version is {version}")
    if network.key == "outer_ipv6":
        said = _number(network, "ip.payload_length") + ip.IPV6_LEN
    else:
        said = _number(network, "ip.total_length")
        if _status(network, "ip.checksum") == "wrong":
            return Refusal("ip_checksum", "the outer IPv4 header checksum is wrong")
    if said > there:
        return Refusal("ip_length", f"the outer IP packet is to have {said} octets, {there} came")
    return None


def _refusal_of_udp(given: Given, network: Header, udp: Header) -> Refusal | None:
    if udp.length < ip.UDP_LEN:
        return Refusal("udp_length", "the outer UDP header is cut short")
    length = _number(udp, "udp.length")
    if network.key == "outer_ipv6":
        end = network.at + ip.IPV6_LEN + _number(network, "ip.payload_length")
    else:
        end = network.at + _number(network, "ip.total_length")
    if not ip.UDP_LEN <= length <= end - udp.at:
        text = f"the outer UDP header says {length} octets, the IP packet carries {end - udp.at}"
        return Refusal("udp_length", text)
    if _status(udp, "udp.checksum") == "wrong":
        return Refusal("udp_checksum", "the outer UDP checksum is wrong")
    return None


def _number(header: Header, key: str, otherwise: int = -1) -> int:
    """Return the value of a field, or of one that is cut off `otherwise`."""
    for field in header.fields:
        if field.key == key and isinstance(field.value, int):
            return field.value
    return otherwise


def _status(header: Header, key: str) -> Status:
    return status(next(field for field in header.fields if field.key == key))
