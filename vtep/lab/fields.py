"""A captured datagram taken apart into its header fields, with what each is for.

scapy says which fields there are and how they read; it is imported when the first frame is taken
apart, for it is slow to start.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# What a field is for, by scapy's names of layer and field; the others speak for themselves.
_PURPOSE = {
    ("Ethernet", "dst"): "the next hop on the underlay: the other host, or a router",
    ("Ethernet", "src"): "this host's underlay device",
    ("Ethernet", "type"): "what stands behind this header",
    ("IP", "len"): "all that follows, so this is what the underlay's MTU limits",
    ("IP", "flags"): "DF: a tunnel never fragments (RFC 7348 4.3)",
    ("IP", "ttl"): "the tunnel's own; the inner packet keeps its own",
    ("IP", "proto"): "UDP, so that any IP network can carry it",
    ("IP", "src"): "this VTEP: the other end learns that the inner source lives behind it",
    ("IP", "dst"): "the peer VTEP",
    ("UDP", "sport"): "may differ per flow, so that routers can spread the load",
    ("UDP", "dport"): "VXLAN's port, given by IANA",
    ("UDP", "len"): "8 of its own and all that follows",
    ("UDP", "chksum"): "0 would be allowed, and accepted",
    ("VXLAN", "flags"): "I: the VNI is valid; without it the datagram is dropped",
    ("VXLAN", "vni"): "which overlay: 24 bits, 16 million of them",
    ("VXLAN", "reserved1"): "zero when sent, ignored on receipt",
    ("VXLAN", "reserved2"): "zero when sent, ignored on receipt",
    ("inner Ethernet", "dst"): "the container's question: to everyone, or to one MAC",
    ("inner Ethernet", "src"): "the container that sent it, unchanged",
    ("inner Ethernet", "type"): "what the containers talk",
    ("inner ARP", "op"): "'who has ...?': a broadcast, so it goes to every peer on the flood list",
    ("inner ARP", "psrc"): "who asks",
    ("inner ARP", "pdst"): "whose MAC is wanted",
    ("inner IP", "src"): "the container; the underlay never sees this address",
    ("inner IP", "dst"): "the other container",
}

OVERHEAD = (
    ("outer IPv4 header", 20),
    ("UDP header", 8),
    ("VXLAN header", 8),
    ("inner Ethernet header", 14),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: where it stands from the first octet of the outer frame, and its value.

    `octets` are those the field touches: fields of a few bits share theirs.
    """

    header: str
    name: str
    offset: int
    octets: bytes
    value: str
    purpose: str


def dissect(datagram: bytes) -> list[Field]:
    """Take an outer Ethernet frame that carries VXLAN apart, down to the inner ARP or IP header.

    Raises ValueError when there is no VXLAN in it. Headers behind the VXLAN header are called
    "inner ...".
    """
    from scapy.layers.l2 import Ether
    from scapy.layers.vxlan import VXLAN

    outer = Ether(datagram)
    if VXLAN not in outer:
        raise ValueError(f"no VXLAN in this frame: {outer.summary()}")
    fields: list[Field] = []
    layer, offset, inner = outer, 0, False
    while layer and layer.name not in ("Raw", "Padding", "NoPayload"):
        header = f"inner {layer.name}" if inner else layer.name
        fields.extend(_fields(layer, header, datagram, offset))
        inner = inner or layer.name == "VXLAN"
        offset += len(layer) - len(layer.payload)
        layer = layer.payload
    return fields


def _fields(layer: Any, header: str, datagram: bytes, offset: int) -> Iterator[Field]:
    """Walk one header's fields; scapy knows their widths, in bits or octets, not their places."""
    bit = offset * 8
    for described in layer.fields_desc:
        field = _present(described, layer)
        if field is None:
            continue
        width = getattr(field, "size", 0) or round(field.sz * 8)
        if width == 0:  # options that are not there
            continue
        octets = datagram[bit // 8 : (bit + width + 7) // 8]
        number = layer.getfieldval(field.name)
        value = f"{number} ({number:#x})" if field.name == "vni" else field.i2repr(layer, number)
        purpose = _PURPOSE.get((header, field.name), "")
        yield Field(header, field.name, bit // 8, octets, str(value), purpose)
        bit += width


def _present(field: Any, layer: Any) -> Any:
    """Return the field itself, out of scapy's wrappers, or None when this packet lacks it."""
    from scapy.fields import ConditionalField, MultipleTypeField, PacketListField

    while isinstance(field, ConditionalField):
        if not field._evalcond(layer):
            return None
        field = field.fld
    if isinstance(field, MultipleTypeField):
        field = field._find_fld_pkt(layer)
    return None if isinstance(field, PacketListField) else field
