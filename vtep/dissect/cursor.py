"""Cursor: the position of a header in a frame, and the result of parsing it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vtep.dissect.checksum import mark_unchecked
from vtep.dissect.model import Field, FieldSpec, Header, HeaderLayout, lay_out


class IpContext(NamedTuple):
    """Facts of an IP header that the parser of the transport header needs.

    Attributes:
        pseudo: ones' complement sum of the addresses; None if the final address is not known.
        version: 4 or 6.
        protocol: number of the next protocol.
        missing: octets that the IP header counts and that are not present.
        extensions: number of IPv6 extension headers so far.
    """

    pseudo: int | None
    version: int
    protocol: int
    missing: int
    extensions: int = 0


class Cursor(NamedTuple):
    """Position at which a header begins.

    Attributes:
        octets: all dissected octets.
        at: first octet of the header.
        end: end of the enclosing packet, at most len(octets).
        inner: whether the header is inside the tunnel.
        ports: UDP destination ports of VXLAN; empty inside the tunnel.
        ip: facts of the preceding IP header, for a transport header.
    """

    octets: bytes
    at: int
    end: int
    inner: bool
    ports: Sequence[int]
    ip: IpContext | None = None

    @property
    def room(self) -> int:
        """Return the number of octets from here to the end."""
        return self.end - self.at

    def key(self, kind: str) -> str:
        """Return the key of a header of this kind at this position."""
        return f"{'inner' if self.inner else 'outer'}_{kind}"

    def fields(self, layout: HeaderLayout) -> list[Field]:
        """Return the fixed fields of a header that begins here."""
        return self.fields_at(self.at, layout.specs, layout.source)

    def fields_at(self, at: int, specs: Iterable[FieldSpec], source: str) -> list[Field]:
        """Return fields that begin at an octet."""
        return lay_out(self.octets, at, self.end, specs, source, inner=self.inner)

    def cut_short(self, needed: int) -> str:
        """Return the problem that only part of a header of `needed` octets is present."""
        return f"cut short: {needed} bytes are needed, {max(self.room, 0)} are here"

    def incomplete(self, kind: str, name: str, fields: list[Field], needed: int) -> "Parsed":
        """Return the result for a header of `needed` octets that is not all present."""
        mark_unchecked(fields, "cut short")
        return self.parsed(kind, name, fields, [self.cut_short(needed)], "payload")

    def parsed(
        self,
        kind: str,
        name: str,
        fields: Sequence[Field],
        problems: Sequence[str],
        following: str,
        *,
        end: int | None = None,
        ip: IpContext | None = None,
        padding: bool = False,
    ) -> "Parsed":
        """Return the result for a header, which is as long as its fields.

        Args:
            kind: "ipv4", part of its key.
            name: name for people.
            fields: its fields.
            problems: errors and oddities.
            following: kind of the next header; "" or "payload" if it has no parser.
            end: end of the payload, if it is before the end of the enclosing packet.
            ip: facts for the parser of a transport header.
            padding: whether the octets that follow only fill the frame.
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
        return Parsed(header, following, self._replace(at=after, end=stop, ip=ip))


class Parsed(NamedTuple):
    """A header, the kind of the next header, and its position."""

    header: Header
    following: str
    cursor: Cursor
