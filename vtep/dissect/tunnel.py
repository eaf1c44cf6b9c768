"""The VXLAN header bit by bit, with the extensions that use bits which RFC 7348 reserves."""

from collections.abc import Iterator

from vtep.dissect.cursor import Cursor, Parsed
from vtep.dissect.model import FieldSpec, named
from vtep.wire import vxlan

RFC = "RFC 7348 section 5"
GBP = "draft-smith-vxlan-group-policy section 2.1"
GPE = "draft-ietf-nvo3-vxlan-gpe-13 section 3"
"""The flags are R R Ver(2) I P B O. B came with draft 03; Wireshark 4.0 follows draft 02."""
RCO = "draft-herbert-vxlan-rco; Linux include/net/vxlan.h"

_G, _VERSION, _I, _P, _B, _O = 0x80, 0x30, 0x08, 0x04, 0x02, 0x01
"""Bits of the first octet."""
_D, _C, _A = 0x40, 0x20, 0x08
"""Bits of the second octet."""

_ZERO = "zero when sent, ignored on receipt"
_GROUP = "group policy (GBP)"
_GENERIC = "the generic protocol extension (GPE)"
_CHECKSUM = "remote checksum offload (RCO)"
_show_next = named({1: "IPv4", 2: "IPv6", 3: "Ethernet", 4: "NSH", 5: "MPLS"})


def parse_vxlan(here: Cursor) -> Parsed:
    """Parse a VXLAN header as RFC 7348 defines it; name the bits of extensions that are set."""
    head = bytes(here.octets[here.at : min(here.at + vxlan.HEADER_LEN, here.end)])
    specs = list(_specs(head.ljust(vxlan.HEADER_LEN, b"\0")))
    fields = here.fields_at(here.at, specs, RFC)
    if len(head) < vxlan.HEADER_LEN:
        parsed = here.incomplete("vxlan", "VXLAN", fields, vxlan.HEADER_LEN)
    else:
        parsed = here.parsed("vxlan", "VXLAN", fields, list(_problems(head)), "ethernet")
    return parsed._replace(cursor=parsed.cursor._replace(inner=True, ports=()))


def _specs(head: bytes) -> Iterator[FieldSpec]:
    """Yield the 64 bits of a header; split reserved bits only if an extension is recognised."""
    yield from _flags(head[0])
    is_gbp, is_rco = bool(head[0] & _G), bool(head[1] & _C)
    is_gpe = bool(head[0] & _P) and not is_gbp
    named_bits = {
        9: ("d", "D", "1: do not learn the source MAC", GBP) if is_gbp else None,
        10: ("c", "C", "1: the receiver completes an inner checksum", RCO) if is_rco else None,
        12: ("a", "A", "1: the policy is already applied", GBP) if is_gbp else None,
    }
    begin = 8
    for bit, what in named_bits.items():
        if what is None:
            continue
        if bit > begin:
            yield _reserved(begin, bit)
        letter, name, meaning, source = what
        yield FieldSpec(f"vxlan.{letter}", name, 1, meaning, source=source)
        begin = bit + 1
    if is_gbp:
        yield _reserved(begin, 16)
        meaning = "policy group of the sender"
        yield FieldSpec("vxlan.policy", "Group policy ID", 16, meaning, source=GBP)
    elif is_gpe:
        yield _reserved(begin, 24)
        meaning = "protocol of the payload; a receiver of RFC 7348 takes it as Ethernet"
        yield FieldSpec("vxlan.next_protocol", "Next protocol", 8, meaning, _show_next, source=GPE)
    else:
        yield _reserved(begin, 32)
    yield FieldSpec("vxlan.vni", "VNI", 24, "number of the overlay, one of 16 million", _show_vni)
    if is_rco:
        kind = "1: a UDP checksum; 0: a TCP checksum"
        yield FieldSpec("vxlan.rco_udp", "O", 1, kind, source=RCO)
        start = "start of the covered bytes, in units of 2 bytes after the VXLAN header"
        yield FieldSpec("vxlan.rco_start", "Start", 7, start, _show_start, source=RCO)
    else:
        yield _reserved(56, 64)


def _flags(first: int) -> Iterator[FieldSpec]:
    """Yield the eight flags: R R R R I R R R, or with the names of an extension that is used."""
    is_gpe = bool(first & _P) and not first & _G
    if first & _G:
        yield FieldSpec("vxlan.g", "G", 1, "1: a group policy ID follows", source=GBP)
    else:
        yield _reserved(0, 1)
    yield _reserved(1, 2)
    if is_gpe:
        yield FieldSpec("vxlan.version", "Ver", 2, "version of GPE", source=GPE)
    else:
        yield _reserved(2, 3)
        yield _reserved(3, 4)
    yield FieldSpec("vxlan.i", "I", 1, "1: the VNI is valid; 0: the receiver drops the datagram")
    for bit, flag, name, meaning in (
        (5, _P, "P", "1: the next protocol field is valid"),
        (6, _B, "B", "1: BUM traffic (broadcast, unknown unicast, multicast), replicated"),
        (7, _O, "O", "1: for operation and maintenance, not for a container"),
    ):
        if is_gpe or first & flag:
            yield FieldSpec(f"vxlan.{name.lower()}", name, 1, meaning, source=GPE)
        else:
            yield _reserved(bit, bit + 1)


def _reserved(begin: int, end: int) -> FieldSpec:
    name = "R" if end - begin == 1 else "Reserved"
    return FieldSpec(f"vxlan.reserved_{begin}", name, end - begin, _ZERO, _show_reserved)


def _show_reserved(value: int) -> str:
    return str(value) if value < 10 else f"0x{value:x}"


def _show_vni(value: int) -> str:
    return f"{value} (0x{value:x})"


def _show_start(value: int) -> str:
    return f"{value} (byte {value * 2})"


def _problems(head: bytes) -> Iterator[str]:
    """Yield the problems of a complete header."""
    first, second, last = head[0], head[1], head[7]
    if not first & _I:
        yield "the I flag is 0: the VNI is not valid, and the receiver drops the datagram"
    if not vxlan.reserved_bits(head):
        return
    yield "reserved bits are set: a sender sets them to zero, a receiver ignores them"
    if first & _G:
        policy = int.from_bytes(head[2:4], "big")
        more = [text for bit, text in ((_D, "do not learn"), (_A, "applied")) if second & bit]
        yield f"an extension may use them: {_GROUP}: {', '.join([f'group {policy}', *more])}"
    elif first & (_P | _B | _O):
        yield f"an extension may use them: {_GENERIC}: {', '.join(_generic(head))}"
    if second & _C:
        start = (last & 0x7F) * 2
        offset, name = (start + 6, "UDP") if last & 0x80 else (start + 16, "TCP")
        yield f"an extension may use them: {_CHECKSUM}: {name}, start {start}, checksum at {offset}"


def _generic(head: bytes) -> Iterator[str]:
    first = head[0]
    if first & _VERSION:
        yield f"version {(first & _VERSION) >> 4}"
    if first & _P:
        yield f"next protocol {_show_next(head[3])}"
    if first & _B:
        yield "replicated"
    if first & _O:
        yield "operation and maintenance"
