"""Field and Header, and how the octets of a header become fields."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import NamedTuple

from vtep.wire.buffer import Readable
from vtep.wire.ethernet import format_mac


class Field(NamedTuple):
    """One field of a header.

    Attributes:
        key: "vxlan.vni"; the same for an outer and an inner header.
        name: "VNI".
        at: its first bit, counted from the first bit of the octets that were given.
        bits: how many.
        value: a number; octets for addresses, options and data.
        text: the value for people: "100", "10.0.1.41", "17 (UDP)".
        meaning: what it is for, one short sentence.
        source: where it is defined: "RFC 7348 section 5".
    """

    key: str
    name: str
    at: int
    bits: int
    value: int | bytes
    text: str
    meaning: str
    source: str


class Header(NamedTuple):
    """One header, or data, in the order of the frame.

    Attributes:
        key: "outer_ipv4", "vxlan", "inner_ethernet", "inner_arp", "inner_payload".
        name: "IPv4".
        at: its first octet, counted from the first of those that were given.
        length: in octets, as many as there are.
        fields: one behind the other, without gap or overlap.
        problems: what is wrong or worth a look, one sentence each.
    """

    key: str
    name: str
    at: int
    length: int
    fields: tuple[Field, ...]
    problems: tuple[str, ...]


class Spec(NamedTuple):
    """One field of a layout.

    `inner` is what it means inside the tunnel, and `source` where it is defined, if those are not
    those of the layout.
    """

    key: str
    name: str
    bits: int
    meaning: str = ""
    show: Callable[[int], str] | Callable[[bytes], str] = str
    inner: str = ""
    source: str = ""


class Layout(NamedTuple):
    """The fixed fields of one kind of header."""

    name: str
    source: str
    specs: tuple[Spec, ...]

    @property
    def octets(self) -> int:
        """Return how long the header is."""
        return sum(spec.bits for spec in self.specs) // 8


def show_mac(value: bytes) -> str:
    """Return a MAC as text."""
    return format_mac(value)


def show_ip(value: bytes) -> str:
    """Return 4 or 16 octets as an IP address."""
    return str(ipaddress.ip_address(value))


def show_octets(value: bytes) -> str:
    """Return octets in hexadecimal, the first sixteen of them."""
    shown = value[:16].hex(" ") or "none"
    return shown if len(value) <= 16 else f"{shown} ... ({len(value)} octets)"


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
"""Fields shown by these have octets for a value, all others a number."""


def lay_out(
    octets: Readable, at: int, end: int, specs: Iterable[Spec], source: str, *, inner: bool
) -> list[Field]:
    """Return the fields that begin at octets[at], as far as `end`; never raises.

    What is left of a field that is cut is given as a field of its own named "cut".
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
            meaning, inner_meaning = f"the beginning of {spec.name}: the rest is missing", ""
            show = show_octets if bit % 8 == 0 else str
        first = bit >> 3
        if show in AS_OCTETS:
            value: int | bytes = bytes(octets[first : first + bits // 8])
        else:
            stop = (bit + bits + 7) >> 3
            number = int.from_bytes(octets[first:stop], "big")
            value = number >> (stop * 8 - bit - bits) & (1 << bits) - 1
        text = show(value)  # type: ignore[arg-type]
        sense = inner_meaning if inner and inner_meaning else meaning
        fields.append(Field(key, name, bit, bits, value, text, sense, own_source or source))
        bit += bits
    return fields


def numbers(fields: Iterable[Field]) -> dict[str, int]:
    """Return the values that are numbers, by the last word of their key."""
    return {f.key.rpartition(".")[2]: f.value for f in fields if isinstance(f.value, int)}
