"""Split a frame into pieces, one per header, and compare two frames."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vtep.dissect import Field, Header, dissect
from vtep.walk.model import MAX_PIECE, Piece, Sign
from vtep.wire import ethernet, ip, vxlan

_MAX_TAGS = 4


class PieceSpan(NamedTuple):
    """Key, name and position of a piece: octets at..at+length."""

    key: str
    name: str
    at: int
    length: int


def outer_spans(is_ipv6: bool) -> tuple[PieceSpan, PieceSpan, PieceSpan, PieceSpan]:
    """Return the spans of the Ethernet, IP, UDP and VXLAN headers of an underlay packet."""
    version, length = (6, ip.IPV6_LEN) if is_ipv6 else (4, ip.IPV4_LEN)
    udp_at = ethernet.HEADER_LEN + length
    return (
        PieceSpan("outer_ethernet", "outer Ethernet", 0, ethernet.HEADER_LEN),
        PieceSpan(f"outer_ipv{version}", f"outer IPv{version}", ethernet.HEADER_LEN, length),
        PieceSpan("outer_udp", "outer UDP", udp_at, ip.UDP_LEN),
        PieceSpan("vxlan", "VXLAN", udp_at + ip.UDP_LEN, vxlan.HEADER_LEN),
    )


class SplitFrame:
    """A frame of a container, split into pieces.

    If it has tags, or `apart` is set, the MACs and the EtherType are separate pieces.

    Attributes:
        octets: octets of the frame.
        spans: consecutive spans that cover the frame.
    """

    def __init__(self, octets: bytes, *, apart: bool = False) -> None:
        self.octets = octets
        self._headers = dissect(octets, inner=True)
        self._apart = apart or tags(octets) > 0
        self.spans = list(self._spans())

    def pieces(self, sign: Sign) -> tuple[Piece, ...]:
        """Return all pieces with the same sign."""
        return tuple(self.piece(span, sign) for span in self.spans)

    def piece(self, span: PieceSpan, sign: Sign) -> Piece:
        """Return one piece."""
        return piece(span, sign, self.octets, self._headers if sign else ())

    def _spans(self) -> Iterator[PieceSpan]:
        size, at = len(self.octets), 0
        if self._apart:
            at = ethernet.MACS_LEN
            yield PieceSpan("inner_ethernet", "inner MACs", 0, min(at, size))
            for _ in range(tags(self.octets)):
                yield PieceSpan("inner_vlan", "802.1Q tag", at, ethernet.TAG_LEN)
                at += ethernet.TAG_LEN
            if at < size:
                yield PieceSpan("inner_ethertype", "inner ethertype", at, min(2, size - at))
            at += 2
        for header in self._headers:
            if header.at >= at and header.length:
                if header.at > at:
                    yield PieceSpan("inner_payload", "data", at, header.at - at)
                yield PieceSpan(header.key, _name(header), header.at, header.length)
                at = header.at + header.length
        if at < size:
            yield PieceSpan("inner_payload", "data", at, size - at)


def tags(frame: bytes) -> int:
    """Return the number of 802.1Q tags of a frame, at most _MAX_TAGS."""
    at = 0
    while at < _MAX_TAGS and ethernet.vlan_id(frame, at * ethernet.TAG_LEN) is not None:
        at += 1
    return at


def piece(span: PieceSpan, sign: Sign, octets: bytes, headers: Iterable[Header]) -> Piece:
    """Return the piece of `octets` at a span, with the fields of `headers` inside the span."""
    key, name, at, length = span
    fields: tuple[Field, ...] = tuple(
        field
        for header in headers
        for field in header.fields
        if at * 8 <= field.at and field.at + field.bits <= (at + length) * 8
    )
    return Piece(sign, key, name, octets[at : at + length][:MAX_PIECE], length, fields, at)


def compare(before: bytes, after: bytes) -> tuple[Piece, ...]:
    """Return the pieces of *after*, signed by comparison, and the pieces removed from *before*."""
    if before == after:
        return SplitFrame(after).pieces("")
    apart = tags(before) != tags(after)
    old, new = SplitFrame(before, apart=apart), SplitFrame(after, apart=apart)
    left = list(old.spans)
    found: list[Piece] = []
    for span in new.spans:
        at = next((at for at, other in enumerate(left) if other.key == span.key), None)
        if at is None:
            found.append(new.piece(span, "+"))
            continue
        found += [old.piece(other, "-") for other in left[:at]]
        other = left[at]
        del left[: at + 1]
        same = old.octets[other.at :][: other.length] == new.octets[span.at :][: span.length]
        found.append(new.piece(span, "" if same else "~"))
    return (*found, *(old.piece(span, "-") for span in left))


def unsigned(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the pieces as they are at the next station, without the removed ones."""
    return tuple(
        Piece("", one.key, one.name, one.octets, one.size) for one in pieces if one.sign != "-"
    )


def _name(header: Header) -> str:
    if header.key.endswith("payload"):
        return "data"
    return f"inner {header.name}" if header.key.startswith("inner_") else header.name
