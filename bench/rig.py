"""The rig of one measurement: two hosts of the lab, connected by one contender."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from bench.contenders import Contender
from vtep.lab import Container, LabError, ping, two_hosts, wait_until
from vtep.lab.netns import address_arguments
from vtep.lab.topology import Family

Underlay = Literal["veth", "wire"]
UNDERLAYS: tuple[Underlay, ...] = get_args(Underlay)

_OVERHEAD: dict[Family, int] = {4: 50, 6: 70}
_INSIDE_6 = ("fd00:18::11/64", "fd00:18::12/64")
_FIRST_ANSWER_S = 20.0
_END = 120  # characters of each end of a long error


class CannotStart(Exception):
    """A contender does not start on this machine; the text is a one-line reason."""


@dataclass(frozen=True, slots=True)
class Rig:
    """The network between the containers, without the contender.

    Attributes:
        underlay: "veth" passes GSO frames whole, "wire" carries finished, segmented packets.
        mtu: MTU of the underlay in octets. The containers' MTU is lower by the VXLAN overhead,
            for every contender.
        family: IP version of the underlay.
        inside: IP version of the measured traffic.
    """

    underlay: Underlay = "wire"
    mtu: int = 1500
    family: Family = 4
    inside: Family = 4

    def __str__(self) -> str:
        """Return a short name: "wire 1500", "wire 1500, IPv6 inside"."""
        where = [name for name, ip in (("inside", self.inside), ("under", self.family)) if ip == 6]
        return f"{self.underlay} {self.mtu}" + (f", IPv6 {' and '.join(where)}" if where else "")


@dataclass(frozen=True, slots=True)
class Joined:
    """Two containers that reach each other through a contender.

    Attributes:
        client: the container that starts the traffic (c1).
        server: the other container (c2).
        address: the server's address, of the measured IP version.
        pids: processes of the contender at both ends.
    """

    client: Container
    server: Container
    address: str
    pids: tuple[int, ...]


@contextmanager
def joined(rig: Rig, contender: Contender) -> Iterator[Joined]:
    """Build the rig, connect it, and wait for the first answer to a ping.

    Raises:
        CannotStart: the contender does not start, or does not carry a ping.
    """
    with ExitStack() as stack:
        mtu = rig.mtu - _OVERHEAD[rig.family]
        hosts = two_hosts(
            rig.family, underlay_mtu=rig.mtu, wire=rig.underlay == "wire", container_mtu=mtu
        )
        lab = stack.enter_context(hosts)
        address = lab.c2.address
        if rig.inside == 6:
            for container, own in zip((lab.c1, lab.c2), _INSIDE_6, strict=True):
                container.ip(*address_arguments("eth0", own))
            address = _INSIDE_6[1].partition("/")[0]
        try:
            pids = stack.enter_context(contender.join(lab))
            wait_until(
                lambda: ping(lab.c1, address, timeout=0.5),
                _FIRST_ANSWER_S,
                what="the answer to a first ping",
            )
        except LabError as error:
            raise CannotStart(in_a_line(error)) from None
        yield Joined(lab.c1, lab.c2, address, pids)


def in_a_line(error: Exception) -> str:
    """Return the text of an error as one line; the middle of a long one is left out."""
    words = " ".join(str(error).split())
    return words if len(words) <= 2 * _END else f"{words[:_END]} ... {words[-_END:]}"
