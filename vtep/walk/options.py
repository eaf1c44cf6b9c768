"""Options of a walk: frozen, and checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

from vtep.config.underlay import MIN_MTU
from vtep.decode.hexdump import octets_of
from vtep.errors import UsageError
from vtep.wire import ethernet, ip, vxlan

Inner: TypeAlias = Literal["icmp", "tcp", "udp", "arp"]
WhatIf: TypeAlias = Literal["mtu", "vni", "flag", "port", "checksum", "peer"]

INNERS: tuple[str, ...] = get_args(Inner)
WHAT_IFS: tuple[str, ...] = get_args(WhatIf)

MAX_WALK_FRAME = 9216
"""Maximum length of a custom frame, and of the underlay's MTU, in octets."""

_YES, _NO = ("1", "true", "yes", ""), ("0", "false", "no")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a walk.

    Attributes:
        inner: protocol of the containers, once they know each other's MAC.
        vni: VNI of the overlay.
        vlan: VLAN on the trunk between bridge and VTEP, on both hosts; None: no trunk.
        ipv6: whether the underlay is IPv6.
        inner_ipv6: whether the containers use IPv6.
        underlay_mtu: length of the largest IP packet between the hosts, in octets.
        mtu: MTU of the TAPs; None: the largest that fits.
        frame: custom frame, sent instead of the usual ones.
        what_if: fault to show.

    Raises:
        UsageError: on construction, if a value is not possible.
    """

    inner: Inner = "icmp"
    vni: int = 100
    vlan: int | None = None
    ipv6: bool = False
    inner_ipv6: bool = False
    underlay_mtu: int = 1500
    mtu: int | None = None
    frame: bytes | None = None
    what_if: WhatIf | None = None

    def __post_init__(self) -> None:
        """Check all values."""
        if self.inner not in INNERS:
            raise UsageError(
                f"inner {self.inner!r}: unknown protocol; use one of {', '.join(INNERS)}"
            )
        if self.what_if is not None and self.what_if not in WHAT_IFS:
            known = ", ".join(WHAT_IFS)
            raise UsageError(f"what-if {self.what_if!r}: unknown fault; use one of {known}")
        if not 0 <= self.vni <= vxlan.MAX_VNI:
            raise UsageError(f"vni {self.vni}: out of range; use 0..{vxlan.MAX_VNI}")
        if self.vlan is not None and not 1 <= self.vlan <= 4094:
            raise UsageError(f"vlan {self.vlan}: out of range; use 1..4094")
        least = MIN_MTU + self.overhead
        if not least <= self.underlay_mtu <= MAX_WALK_FRAME:
            raise UsageError(
                f"underlay-mtu {self.underlay_mtu}: out of range; use {least}..{MAX_WALK_FRAME}"
            )
        fits = self.underlay_mtu - self.overhead
        if self.mtu is not None and not MIN_MTU <= self.mtu <= fits:
            raise UsageError(
                f"mtu {self.mtu}: out of range, as the headers take {self.overhead} bytes of the"
                f" underlay's MTU {self.underlay_mtu}; use {MIN_MTU}..{fits}"
            )
        if self.frame is not None and len(self.frame) > MAX_WALK_FRAME:
            raise UsageError(
                f"frame: {len(self.frame)} bytes are too long; use at most {MAX_WALK_FRAME}"
            )
        if self.frame is not None and self.what_if == "mtu":
            raise UsageError("what-if mtu: sends its own frame; remove the option frame")

    @property
    def overhead(self) -> int:
        """Octets of headers that an inner IP packet gets inside the outer IP packet."""
        outer = ip.IPV6_LEN if self.ipv6 else ip.IPV4_LEN
        return outer + ip.UDP_LEN + vxlan.HEADER_LEN + ethernet.HEADER_LEN

    @property
    def tap_mtu(self) -> int:
        """MTU of the TAPs: length of the largest IP packet of a container that fits."""
        return self.underlay_mtu - self.overhead if self.mtu is None else self.mtu


def from_texts(texts: Mapping[str, str]) -> Options:
    """Return the options given as texts, for example in a query, by name with - or _.

    A frame must be hexadecimal.

    Raises:
        UsageError: a name is unknown or a value is wrong.
    """
    values: dict[str, object] = {}
    known = {field.name for field in fields(Options)}
    for name, text in texts.items():
        key = name.replace("-", "_")
        if key not in known:
            raise UsageError(f"option {name!r}: unknown; use one of {', '.join(sorted(known))}")
        if key in ("ipv6", "inner_ipv6"):
            if text not in (*_YES, *_NO):
                raise UsageError(f"{name} {text!r}: not true or false; use one of them")
            values[key] = text in _YES
        elif key == "frame":
            values[key] = octets_of(text)
        elif key in ("inner", "what_if"):
            values[key] = text
        else:
            values[key] = whole_number(name, text)
    return Options(**values)  # type: ignore[arg-type]


def whole_number(name: str, text: str) -> int:
    """Return a number of at most nine digits.

    Raises:
        UsageError: the text is not such a number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UsageError(f"{name} {text!r}: not a whole number; use at most nine digits")
    return int(text)
