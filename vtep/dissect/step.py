"""How a chain of headers is walked: from one place to the next."""

from collections.abc import Sequence
from typing import NamedTuple

from vtep.dissect.checks import unjudged
from vtep.dissect.model import Field, Header


class Ip(NamedTuple):
    """What a transport header needs to know of the IP header in front.

    Attributes:
        pseudo: the ones' complement sum of the addresses; None where the last one is not known.
        version: 4 or 6.
        protocol: of the transport header.
        missing: octets that the IP header counts and that are not here.
        extensions: how many IPv6 extension headers there were so far.
    """

    pseudo: int | None
    version: int
    protocol: int
    missing: int
    extensions: int = 0


class Place(NamedTuple):
    """Where a header begins.

    Attributes:
        octets: all that were given.
        at: where it begins.
        end: where that which it is in ends, at most len(octets).
        inner: whether it stands inside the tunnel.
        ports: UDP ports behind which there is VXLAN; none inside.
        ip: of the IP header in front, for a transport header.
    """

    octets: bytes
    at: int
    end: int
    inner: bool
    ports: Sequence[int]
    ip: Ip | None = None

    def key(self, kind: str) -> str:
        """Return the key of a header of this kind here."""
        return f"{'inner' if self.inner else 'outer'}_{kind}"

    def cut_short(self, wanted: int) -> str:
        """Return the problem that a header of `wanted` octets does not fit."""
        return f"cut short: {wanted} octets are needed, {max(self.end - self.at, 0)} are here"

    def too_short(self, kind: str, name: str, fields: list[Field], wanted: int) -> "Step":
        """Return a step over a header of `wanted` octets that does not fit."""
        unjudged(fields, "cut short, not checked")
        return self.step(kind, name, fields, [self.cut_short(wanted)], "payload")

    def step(
        self,
        kind: str,
        name: str,
        fields: Sequence[Field],
        problems: Sequence[str],
        following: str,
        *,
        end: int | None = None,
        ip: Ip | None = None,
        padding: bool = False,
    ) -> "Step":
        """Return a step over a header; it is as long as its fields.

        Args:
            kind: "ipv4", part of its key.
            name: for people.
            fields: its fields.
            problems: what is wrong with it.
            following: the kind of what stands behind; "" for nothing that is known.
            end: where what it carries ends, if not where the header's own container does.
            ip: for a transport header that follows.
            padding: whether what follows is only there to fill the frame.
        """
        length = (fields[-1].at + fields[-1].bits) // 8 - self.at if fields else 0
        after = self.at + length
        header = Header(
            self.key(kind) if kind != "vxlan" else kind,
            name,
            self.at,
            length,
            tuple(fields),
            tuple(problems),
        )
        stop = after if padding else max(after, min(self.end, self.end if end is None else end))
        place = self._replace(at=after, end=stop, ip=ip)
        return Step(header, following, place)


class Step(NamedTuple):
    """A header, and where and what the next one is."""

    header: Header
    following: str
    place: Place
