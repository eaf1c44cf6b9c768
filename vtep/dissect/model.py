"""Header and Field, the layouts of headers, and how octets become fields."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from vtep.wire.buffer import Readable
from vtep.wire.ethernet import format_mac

ChecksumState = Literal["correct", "wrong", "partial", "none", "unchecked"]
"""Result of checking a checksum. "partial": the field holds the sum of the pseudo-header only, as
on a host whose network card completes the checksum (CHECKSUM_PARTIAL)."""


class Field(NamedTuple):
    """One field of a header.

    Attributes:
        key: "vxlan.vni"; the same for an outer and an inner header.
        name: "VNI".
        at: first bit, counted from the first bit of the dissected octets.
        bits: number of bits.
        value: a number, or octets for addresses, options and data.
        text: value for people: "100", "10.0.1.41", "17 (UDP)".
        meaning: purpose of the field, one short phrase.
        source: document that defines it: "RFC 7348 section 5".
        checksum: result of the check of a checksum field; None for any other field.
    """

    key: str
    name: str
    at: int
    bits: int
    value: int | bytes
    text: str
    meaning: str
    source: str
    checksum: ChecksumState | None = None


class Header(NamedTuple):
    """One header, or data, in the order of the frame.

    Attributes:
        key: "outer_ipv4", "vxlan", "inner_ethernet", "inner_arp", "inner_payload".
        name: "IPv4".
        at: first octet, counted from the first of the dissected octets.
        length: number of octets that are present.
        fields: consecutive fields, without gap or overlap.
        problems: errors and oddities, one sentence each.
    """

    key: str
    name: str
    at: int
    length: int
    fields: tuple[Field, ...]
    problems: tuple[str, ...]


class FieldSpec(NamedTuple):
    """One field of a layout.

    Attributes:
        key, name, bits, meaning: as in Field.
        show: returns the value as text; the functions in AS_OCTETS take octets, others a number.
        inner: meaning inside the tunnel, if it differs.
        source: document that defines the field, if it is not that of the layout.
    """

    key: str
    name: str
    bits: int
    meaning: str = ""
    show: Callable[[int], str] | Callable[[bytes], str] = str
    inner: str = ""
    source: str = ""


class HeaderLayout(NamedTuple):
    """The fixed fields of one type of header."""

    name: str
    source: str
    specs: tuple[FieldSpec, ...]

    @property
    def octets(self) -> int:
        """Return the length of the fixed fields."""
        return sum(spec.bits for spec in self.specs) // 8


def show_mac(value: bytes) -> str:
    """Return a MAC address as text."""
    return format_mac(value)


def show_ip(value: bytes) -> str:
    """Return 4 or 16 octets as an IP address."""
    return str(ipaddress.ip_address(value))


def show_octets(value: bytes) -> str:
    """Return octets in hexadecimal, at most the first sixteen."""
    shown = value[:16].hex(" ") or "none"
    return shown if len(value) <= 16 else f"{shown} ... ({len(value)} bytes)"


def show_hex16(value: int) -> str:
    """Return a 16-bit number in hexadecimal."""
    return f"0x{value:04x}"


def named(names: dict[int, str], form: str = "d") -> Callable[[int], str]:
    """Return a function that shows a number and its name, if it has one."""

    def show(value: int) -> str:
        name = names.get(value)
        shown = f"0x{value:04x}" if form == "x" else str(value)
        return f"{shown} ({name})" if name else shown

    return show


AS_OCTETS = (show_mac, show_ip, show_octets)
"""Fields that one of these shows have octets as their value, all others a number."""


def lay_out(
    octets: Readable, at: int, end: int, specs: Iterable[FieldSpec], source: str, *, inner: bool
) -> list[Field]:
    """Return the fields that begin at octets[at], as far as `end`; never raises.

    The present part of a field that is cut becomes a field named "cut".
    """
    fields: list[Field] = []
    bit, last = at * 8, max(at, min(end, len(octets))) * 8
    for spec in specs:
        if bit >= last:
            break
        key, name, bits, meaning, show, inner_meaning, own_source = spec
        if bits == 0:
            continue
        if bit + bits > last:
            key, name, bits = f"{key.partition('.')[0]}.cut", "cut", last - bit
            meaning, inner_meaning = f"beginning of {spec.name}; the rest is missing", ""
            show = show_octets if bit % 8 == 0 else str
        first = bit >> 3
        if show in AS_OCTETS:
            value: int | bytes = bytes(octets[first : first + bits // 8])
        else:
            stop = (bit + bits + 7) >> 3
            number = int.from_bytes(octets[first:stop], "big")
            value = number >> (stop * 8 - bit - bits) & (1 << bits) - 1
        text = show(value)  # type: ignore[arg-type]
        purpose = inner_meaning if inner and inner_meaning else meaning
        fields.append(Field(key, name, bit, bits, value, text, purpose, own_source or source))
        bit += bits
    return fields


def numbers(fields: Iterable[Field]) -> dict[str, int]:
    """Return the values that are numbers, by the last word of their key."""
    return {f.key.rpartition(".")[2]: f.value for f in fields if isinstance(f.value, int)}
