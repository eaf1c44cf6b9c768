"""The rig of one measurement: two hosts of the lab, joined by one contender."""

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
_END = 120  # characters of each end of what went wrong


class CannotStart(Exception):
    """A contender cannot be started on this machine; the text says why, in a line."""


@dataclass(frozen=True, slots=True)
class Rig:
    """What lies between the containers, apart from the contender.

    Attributes:
        underlay: "veth" passes super-frames whole, "wire" carries finished, segmented packets.
        mtu: of the underlay, octets. The containers' is lower by what VXLAN adds, for every
            contender alike.
        family: IP version of the underlay.
        inside: IP version of the measured traffic.
    """

    underlay: Underlay = "wire"
    mtu: int = 1500
    family: Family = 4
    inside: Family = 4

    def __str__(self) -> str:
        """Name it in a few words: "wire 1500", "wire 1500, IPv6 inside"."""
        where = [name for name, ip in (("inside", self.inside), ("under", self.family)) if ip == 6]
        return f"{self.underlay} {self.mtu}" + (f", IPv6 {' and '.join(where)}" if where else "")


@dataclass(frozen=True, slots=True)
class Joined:
    """Two containers that reach each other through a contender.

    Attributes:
        client: where traffic is asked for (c1).
        server: the other (c2).
        address: the server's, of the IP version that is measured.
        pids: the processes of the contender, both ends.
    """

    client: Container
    server: Container
    address: str
    pids: tuple[int, ...]


@contextmanager
def joined(rig: Rig, contender: Contender) -> Iterator[Joined]:
    """Build the rig, join it, and wait until a ping has come back through it.

    Raises:
        CannotStart: the contender did not start, or carries nothing.
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
                what="a first ping to come back",
            )
        except LabError as error:
            raise CannotStart(in_a_line(error)) from None
        yield Joined(lab.c1, lab.c2, address, pids)


def in_a_line(error: Exception) -> str:
    """Return what an error says as one line, the middle left out where it is long."""
    words = " ".join(str(error).split())
    return words if len(words) <= 2 * _END else f"{words[:_END]} ... {words[-_END:]}"
