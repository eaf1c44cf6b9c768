"""The receiving kernel: it hands a datagram to the VTEP, or keeps it for a reason."""

from collections.abc import Sequence
from typing import NamedTuple

from vtep.decode.inputs import InputFrame
from vtep.dissect import ChecksumState, Header
from vtep.wire import ethernet, ip, outer, vxlan


class Datagram(NamedTuple):
    """One datagram that the kernel hands to the VTEP.

    Attributes:
        payload: VXLAN header and frame.
        sender, destination: outer IP addresses; None if the octets do not hold them.
        port: UDP source port; 0 if the octets do not hold it.
    """

    payload: bytes
    sender: str | None
    destination: str | None
    port: int


class Refusal(NamedTuple):
    """Why the kernel does not hand on a packet: name of the reason, and a sentence."""

    reason: str
    text: str


def received(
    frame: InputFrame, headers: Sequence[Header], ports: Sequence[int], local: str | None
) -> Datagram | Refusal | None:
    """Return the datagram that the kernel hands on, or why it does not; None if not VXLAN.

    Args:
        frame: frame of the input.
        headers: its headers, from vtep.dissect.
        ports: UDP ports of VXLAN.
        local: our underlay address; None for any.
    """
    by_key = {header.key: header for header in reversed(headers)}
    tunnel, udp = by_key.get("vxlan"), by_key.get("outer_udp")
    network = by_key.get("outer_ipv4") or by_key.get("outer_ipv6")
    if network is None:
        return _bare(frame.octets[tunnel.at :]) if tunnel is not None else None
    if udp is None:
        return _FRAGMENT if _is_fragment_of_udp(network, by_key.get("outer_fragment")) else None
    if _number(udp, "udp.destination_port") not in ports:
        return None
    refusal = _refusal_of_ip(frame, network) or _refusal_of_udp(frame, network, udp)
    texts = {field.key: field.text for field in network.fields}
    sender, destination = texts["ip.source"], texts["ip.destination"]
    if refusal is None and local is not None and destination != local:
        refusal = Refusal(
            "other_host", f"not for us: sent to {destination}, our address is {local}"
        )
    if refusal is not None:
        return refusal
    at, size = udp.at + ip.UDP_LEN, _number(udp, "udp.length") - ip.UDP_LEN
    payload = frame.octets[at : at + size]
    if len(payload) < min(size, _NEEDED):
        text = f"unknown: the capture kept {len(payload)} of {size} bytes of the datagram"
        return Refusal("not_captured", text)
    return Datagram(payload, sender, destination, _number(udp, "udp.source_port"))


_NEEDED = vxlan.HEADER_LEN + ethernet.HEADER_LEN + ethernet.TAG_LEN
"""Octets of a datagram that decide whether it is delivered."""

_FRAGMENT = Refusal(
    "fragment",
    "unknown: a fragment of a UDP packet; the kernel hands on the packet when it has all of them",
)


def _bare(payload: bytes) -> Datagram | Refusal:
    """Return a datagram whose outer headers are not in the octets."""
    if len(payload) > outer.MAX_PACKET - ip.UDP_LEN:
        return Refusal("udp_length", f"{len(payload)} bytes are too many for a UDP datagram")
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


def _refusal_of_ip(frame: InputFrame, network: Header) -> Refusal | None:
    present = frame.size - network.at
    version = _number(network, "ip.version")
    if not network.key.endswith(f"v{version}"):
        return Refusal("ip_version", f"the version in the outer IP header is {version}")
    if network.key == "outer_ipv6":
        stated = _number(network, "ip.payload_length") + ip.IPV6_LEN
    else:
        stated = _number(network, "ip.total_length")
        if _checksum(network, "ip.checksum") == "wrong":
            return Refusal("ip_checksum", "the outer IPv4 header checksum is wrong")
    if stated > present:
        return Refusal("ip_length", f"the outer IP header says {stated} bytes, {present} are here")
    return None


def _refusal_of_udp(frame: InputFrame, network: Header, udp: Header) -> Refusal | None:
    if udp.length < ip.UDP_LEN:
        return Refusal("udp_length", "the outer UDP header is cut short")
    length = _number(udp, "udp.length")
    if network.key == "outer_ipv6":
        end = network.at + ip.IPV6_LEN + _number(network, "ip.payload_length")
    else:
        end = network.at + _number(network, "ip.total_length")
    if not ip.UDP_LEN <= length <= end - udp.at:
        text = f"the outer UDP header says {length} bytes, the IP packet carries {end - udp.at}"
        return Refusal("udp_length", text)
    if _checksum(udp, "udp.checksum") == "wrong":
        return Refusal("udp_checksum", "the outer UDP checksum is wrong")
    return None


def _number(header: Header, key: str, otherwise: int = -1) -> int:
    """Return the value of a field, or `otherwise` if the field is cut off."""
    for field in header.fields:
        if field.key == key and isinstance(field.value, int):
            return field.value
    return otherwise


def _checksum(header: Header, key: str) -> ChecksumState | None:
    return next(field.checksum for field in header.fields if field.key == key)
