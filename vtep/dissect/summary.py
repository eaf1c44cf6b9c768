"""A frame in one line: protocol, sender and receiver."""

from collections.abc import Sequence
from typing import NamedTuple

from vtep.dissect.chain import dissect
from vtep.dissect.link import LENGTH_MAX
from vtep.dissect.model import Field, Header
from vtep.wire import ethernet

_ENOUGH = 256
"""Octets of a frame in which its headers nearly always end."""


class Summary(NamedTuple):
    """Protocol and addresses of a frame, as text.

    The addresses are IP addresses where the frame has them, else MAC addresses, else "?".
    """

    what: str
    source: str
    destination: str

    def __str__(self) -> str:
        """Return the summary as one line."""
        return f"{self.source} > {self.destination} {self.what}"


def summarize_frame(frame: bytes) -> Summary:
    """Return the summary of an Ethernet frame; never raises, whatever the octets are."""
    return summarize(dissect(frame[:_ENOUGH], inner=True))


def summarize(headers: Sequence[Header]) -> Summary:
    """Return the summary of a frame from its headers, all of one side of the tunnel."""
    fields = {field.key: field for header in headers for field in header.fields}
    kinds = [header.key.partition("_")[2] for header in headers]
    if "ip.source" in fields and "ip.destination" in fields:
        return Summary(_of_ip(kinds, fields), *_ends(fields, "ip.source", "ip.destination"))
    if "arp.target_ip" in fields:
        return Summary(_of_arp(fields), *_ends(fields, "arp.sender_ip", "arp.target_ip"))
    ends = _ends(fields, "ethernet.source", "ethernet.destination")
    last = next((one for one in reversed(headers) if not _is_data(one)), None)
    if last is None or (last.name == "Ethernet" and last.length < ethernet.HEADER_LEN):
        octets = last.length if last else 0
        return Summary(f"no frame: {octets} of {ethernet.HEADER_LEN} bytes", *ends)
    if last.name not in ("Ethernet", "802.1Q tag"):
        return Summary(f"{last.name}, cut short", *ends)
    value = last.fields[-1].value if last.fields else None
    if not isinstance(value, int):
        return Summary(f"{last.name}, cut short", *ends)
    return Summary(f"ethertype 0x{value:04x}" if value > LENGTH_MAX else "802.3 frame", *ends)


def _of_ip(kinds: Sequence[str], fields: dict[str, Field]) -> str:
    version = 6 if "ipv6" in kinds else 4
    if any(_number(fields, key) for key in _FRAGMENTS):
        return f"IPv{version} fragment"
    for kind in ("tcp", "udp"):
        ends = f"{kind}.source_port", f"{kind}.destination_port"
        if all(end in fields for end in ends):
            source, destination = (_number(fields, end) for end in ends)
            return f"{kind.upper()} {source} > {destination}"
    if "icmp.type" in fields:
        name = "ICMPv6" if version == 6 else "ICMP"
        number, _, meaning = fields["icmp.type"].text.partition(" (")
        return f"{name} {meaning.removesuffix(')') or f'type {number}'}"
    protocol = fields.get("extension.next_header") or fields.get(_PROTOCOLS[version])
    return f"IPv{version} protocol {protocol.text}" if protocol else f"IPv{version}"


_FRAGMENTS = (
    *("ip.more_fragments", "ip.fragment_offset"),
    *("extension.more_fragments", "extension.fragment_offset"),
)
_PROTOCOLS = {4: "ip.protocol", 6: "ip.next_header"}


def _of_arp(fields: dict[str, Field]) -> str:
    operation = _number(fields, "arp.operation")
    if operation == 1:
        return f"ARP who has {fields['arp.target_ip'].text}?"
    if operation == 2:
        return f"ARP {fields['arp.sender_ip'].text} is at {fields['arp.sender_mac'].text}"
    return f"ARP operation {operation}"


def _number(fields: dict[str, Field], key: str) -> int:
    value = fields[key].value if key in fields else 0
    return value if isinstance(value, int) else 0


def _ends(fields: dict[str, Field], source: str, destination: str) -> tuple[str, str]:
    first, second = (fields[key].text if key in fields else "?" for key in (source, destination))
    return first, second


def _is_data(header: Header) -> bool:
    return header.key.endswith(("payload", "trailer"))
