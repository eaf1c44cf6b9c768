"""The VXLAN header, bit by bit, and what extensions of it mean by bits that RFC 7348 reserves."""

from collections.abc import Iterator

from vtep.dissect.model import Spec, lay_out, named
from vtep.dissect.step import Place, Step
from vtep.wire import vxlan

RFC = "RFC 7348 section 5"
GBP = "draft-smith-vxlan-group-policy section 2.1"
GPE = "draft-ietf-nvo3-vxlan-gpe section 3"
RCO = "draft-herbert-vxlan-rco; Linux include/net/vxlan.h"

_G, _VERSION, _I, _P, _B, _O = 0x80, 0x30, 0x08, 0x04, 0x02, 0x01
_D, _C, _A = 0x40, 0x20, 0x08
"""Bits of the first octet, and of the second."""

_ZERO = "zero when sent, ignored on receipt"
_GROUP = "group policy (GBP)"
_GENERIC = "the generic protocol extension (GPE)"
_CHECKSUM = "remote checksum offload (RCO)"
_show_next = named({1: "IPv4", 2: "IPv6", 3: "Ethernet", 4: "NSH", 5: "MPLS"})


def parse_vxlan(place: Place) -> Step:
    """Take a VXLAN header apart: as RFC 7348 has it, with the bits of extensions that are set."""
    octets, at, end = place.octets, place.at, place.end
    head = bytes(octets[at : min(at + vxlan.HEADER_LEN, end)])
    specs = list(_specs(head.ljust(vxlan.HEADER_LEN, b"\0")))
    fields = lay_out(octets, at, end, specs, RFC, inner=place.inner)
    if len(head) < vxlan.HEADER_LEN:
        step = place.too_short("vxlan", "VXLAN", fields, vxlan.HEADER_LEN)
    else:
        step = place.step("vxlan", "VXLAN", fields, list(_problems(head)), "ethernet")
    return step._replace(place=step.place._replace(inner=True, ports=()))


def _specs(head: bytes) -> Iterator[Spec]:
    """Yield the 64 bits of a header; a reserved run is divided only where an extension is seen."""
    yield from _flags(head[0])
    is_gbp, is_rco = bool(head[0] & _G), bool(head[1] & _C)
    is_gpe = bool(head[0] & _P) and not is_gbp
    named_bits = {
        9: ("d", "D", "do not learn the source", GBP) if is_gbp else None,
        10: ("c", "C", "the receiver is to finish an inner checksum", RCO) if is_rco else None,
        12: ("a", "A", "the policy was applied already", GBP) if is_gbp else None,
    }
    begin = 8
    for bit, what in named_bits.items():
        if what is None:
            continue
        if bit > begin:
            yield _reserved(begin, bit)
        letter, name, meaning, source = what
        yield Spec(f"vxlan.{letter}", name, 1, meaning, source=source)
        begin = bit + 1
    if is_gbp:
        yield _reserved(begin, 16)
        meaning = "which group the sender belongs to"
        yield Spec("vxlan.policy", "Group policy ID", 16, meaning, source=GBP)
    elif is_gpe:
        yield _reserved(begin, 24)
        meaning = "what follows; to an RFC 7348 receiver it is Ethernet all the same"
        yield Spec("vxlan.next_protocol", "Next protocol", 8, meaning, _show_next, source=GPE)
    else:
        yield _reserved(begin, 32)
    yield Spec("vxlan.vni", "VNI", 24, "which overlay: 24 bits, 16 million of them", _show_vni)
    if is_rco:
        kind = "1: the checksum is that of UDP, 0: of TCP"
        yield Spec("vxlan.rco_udp", "O", 1, kind, source=RCO)
        start = "where the checksum begins, in 2 octets behind the VXLAN header"
        yield Spec("vxlan.rco_start", "Start", 7, start, _show_start, source=RCO)
    else:
        yield _reserved(56, 64)


def _flags(first: int) -> Iterator[Spec]:
    """Yield the eight flags: R R R R I R R R, or what an extension calls those that are set."""
    if first & _G:
        yield Spec("vxlan.g", "G", 1, "a group policy ID follows", source=GBP)
    else:
        yield _reserved(0, 1)
    yield _reserved(1, 2)
    if first & _P and not first & _G:
        yield Spec("vxlan.version", "Ver", 2, "version of GPE", source=GPE)
    else:
        yield _reserved(2, 3)
        yield _reserved(3, 4)
    yield Spec("vxlan.i", "I", 1, "the VNI is valid; without it the datagram is dropped")
    for bit, flag, name, meaning in (
        (5, _P, "P", "the next protocol field is valid"),
        (6, _B, "B", "broadcast, unknown or multicast: it was replicated"),
        (7, _O, "O", "for operation and maintenance, not for a container"),
    ):
        if first & flag:
            yield Spec(f"vxlan.{name.lower()}", name, 1, meaning, source=GPE)
        else:
            yield _reserved(bit, bit + 1)


def _reserved(begin: int, end: int) -> Spec:
    name = "R" if end - begin == 1 else "Reserved"
    return Spec(f"vxlan.reserved_{begin}", name, end - begin, _ZERO, _show_reserved)


def _show_reserved(value: int) -> str:
    return str(value) if value < 10 else f"0x{value:x}"


def _show_vni(value: int) -> str:
    return f"{value} (0x{value:x})"


def _show_start(value: int) -> str:
    return f"{value} (octet {value * 2})"


def _problems(head: bytes) -> Iterator[str]:
    """Yield what is wrong with a whole header."""
    first, second, last = head[0], head[1], head[7]
    if not first & _I:
        yield "the I flag is 0: there is no valid VNI, and the datagram is dropped"
    if not vxlan.reserved_bits(head):
        return
    yield "reserved bits are set: they are to be zero, and are ignored on receipt"
    if first & _G:
        policy = int.from_bytes(head[2:4], "big")
        more = [text for bit, text in ((_D, "do not learn"), (_A, "applied")) if second & bit]
        yield f"they may mean {_GROUP}: {', '.join([f'group {policy}', *more])}"
    elif first & (_P | _B | _O):
        yield f"they may mean {_GENERIC}: {', '.join(_generic(head))}"
    if second & _C:
        start = (last & 0x7F) * 2
        offset, name = (start + 6, "UDP") if last & 0x80 else (start + 16, "TCP")
        yield f"they may mean {_CHECKSUM}: {name}, start {start}, checksum at {offset}"


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
