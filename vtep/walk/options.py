"""What a walk shows: Options, frozen, and checked once, whoever asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

from vtep.config.model import MIN_MTU
from vtep.decode.hexdump import octets_of
from vtep.errors import UsageError
from vtep.wire import ethernet, ip, vxlan

Inner: TypeAlias = Literal["icmp", "tcp", "udp", "arp"]
WhatIf: TypeAlias = Literal["mtu", "vni", "flag", "port", "checksum", "peer"]

INNERS: tuple[str, ...] = get_args(Inner)
WHAT_IFS: tuple[str, ...] = get_args(WhatIf)

MAX_FRAME = 9216
"""Most octets of a frame of your own, and most of the underlay's MTU."""

_YES, _NO = ("1", "true", "yes", ""), ("0", "false", "no")


@dataclass(frozen=True, slots=True)
class Options:
    """What to show.

    Attributes:
        inner: what the containers say to one another once they know each other's MAC.
        vni: of the overlay.
        vlan: of the trunk between bridge and VTEP, on both sides; None where there is none.
        ipv6: whether the underlay is IPv6.
        inner_ipv6: whether the containers speak IPv6.
        underlay_mtu: octets of the largest IP packet between the hosts.
        mtu: of the TAPs; None for what fits.
        frame: the only frame, in place of what the containers say.
        what_if: what goes wrong.

    Raises:
        ConfigError: on construction, if it cannot be.
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
        """Check everything."""
        if self.inner not in INNERS:
            raise UsageError(f"inner {self.inner!r} is unknown: use one of {', '.join(INNERS)}")
        if self.what_if is not None and self.what_if not in WHAT_IFS:
            known = ", ".join(WHAT_IFS)
            raise UsageError(f"what-if {self.what_if!r} is unknown: use one of {known}")
        if not 0 <= self.vni <= vxlan.MAX_VNI:
            raise UsageError(f"vni {self.vni} is out of range: use 0..{vxlan.MAX_VNI}")
        if self.vlan is not None and not 1 <= self.vlan <= 4094:
            raise UsageError(f"vlan {self.vlan} is out of range: use 1..4094")
        least = MIN_MTU + self.overhead
        if not least <= self.underlay_mtu <= MAX_FRAME:
            raise UsageError(
                f"underlay-mtu {self.underlay_mtu} is out of range: use {least}..{MAX_FRAME}"
            )
        fits = self.underlay_mtu - self.overhead
        if self.mtu is not None and not MIN_MTU <= self.mtu <= fits:
            raise UsageError(
                f"mtu {self.mtu} is out of range: use {MIN_MTU}..{fits}, for the underlay's MTU is"
                f" {self.underlay_mtu}, less {self.overhead} for the headers"
            )
        if self.frame is not None and len(self.frame) > MAX_FRAME:
            raise UsageError(f"the frame has {len(self.frame)} octets: use at most {MAX_FRAME}")
        if self.frame is not None and self.what_if == "mtu":
            raise UsageError("what-if mtu makes its own frame: leave the other one out")

    @property
    def overhead(self) -> int:
        """Octets that an inner IP packet grows by, in the measure of the underlay's MTU."""
        outer = ip.IPV6_LEN if self.ipv6 else ip.IPV4_LEN
        return outer + ip.UDP_LEN + vxlan.HEADER_LEN + ethernet.HEADER_LEN

    @property
    def tap_mtu(self) -> int:
        """MTU of the TAPs: octets of the largest IP packet of a container that fits."""
        return self.underlay_mtu - self.overhead if self.mtu is None else self.mtu


def from_texts(texts: Mapping[str, str]) -> Options:
    """Return the options written as texts, by their names with - or _ (of a query, say).

    A frame is written in hexadecimal, and in no other way.

    Raises:
        ConfigError: a name or a value that cannot be.
    """
    values: dict[str, object] = {}
    known = {field.name for field in fields(Options)}
    for name, text in texts.items():
        key = name.replace("-", "_")
        if key not in known:
            raise UsageError(f"unknown option {name!r}: use some of {', '.join(sorted(known))}")
        if key in ("ipv6", "inner_ipv6"):
            if text not in (*_YES, *_NO):
                raise UsageError(f"{name} must be true or false: not {text!r}")
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
        ConfigError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UsageError(f"{name} must be a whole number: not {text!r}")
    return int(text)
