"""What a walk is: frozen results, and the same ready for JSON."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from vtep.dissect import Field, Header, headers_as_json

SHOWN = 128
"""Most octets of one piece that a result holds: `size` tells how many there are."""

Sign: TypeAlias = Literal["", "+", "-", "~"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One header of the frame at a station, or the data behind the last header.

    Attributes:
        sign: "+" put on here, "-" taken off here, "~" changed here, "" as it was before.
        key: "outer_ethernet", "outer_ipv4", "outer_udp", "vxlan", "inner_ethernet", "data", ...
        name: for people.
        octets: at most SHOWN of them.
        size: how many there are.
        fields: those in it, where the sign is not "".
        at: where its first octet stands in what the fields count from.
    """

    sign: Sign
    key: str
    name: str
    octets: bytes
    size: int
    fields: tuple[Field, ...] = ()
    at: int = 0


class Entry(NamedTuple):
    """A line of a table: *mac* is behind *dst* (an address, "local", or a bridge port)."""

    mac: str
    dst: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that changed at a station."""

    name: str
    before: tuple[Entry, ...]
    after: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Station:
    """One point of the way.

    Attributes:
        number: "1.3": the third station of the first walk.
        host: "c1", "h1", "underlay", "h2", "c2".
        place: "eth0", "br0", "vtep", "udp", "ip", "u1", ...
        pieces: outermost first.
        size: octets of the frame as it leaves this station.
        change: how many more these are than before.
        decision: what is done, in a few words.
        why: the reason, and what there is to learn from it.
        tables: those that changed.
        drop: the name of the reason if the frame ends here.
        source: where the rule stands, as "RFC 7348 section 5".
    """

    number: str
    host: str
    place: str
    pieces: tuple[Piece, ...]
    size: int
    change: int
    decision: str
    why: str = ""
    tables: tuple[Table, ...] = ()
    drop: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """One frame on its way.

    Attributes:
        key: "arp_request", "icmp_request", "frame", ...
        title: for people.
        time: seconds since the first walk.
        stations: in the order they are passed.
        others: what became of the copies that went elsewhere, a sentence each.
        arrived: whether it came out of the last bridge.
        is_short: whether its stations say nothing new, so that a line for each will do.
        headers: those of the packet on the underlay; empty if it never got there.
    """

    key: str
    title: str
    time: float
    stations: tuple[Station, ...]
    others: tuple[str, ...]
    arrived: bool
    is_short: bool
    headers: tuple[Header, ...]


class Look(NamedTuple):
    """How one would see it: a command on a host, and what it says."""

    host: str
    command: str
    says: str


class Lesson(NamedTuple):
    """A question that the walk has answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Result:
    """All walks of one run, and what is left behind.

    Attributes:
        title, summary: for people.
        picture: the hosts, for a terminal.
        containers: names and addresses of the two.
        options: as given, ready for JSON.
        walks: in the order of time.
        counters: by host, as vtep.report.counters has them.
        fdb: by host, as vtep.report.fdb has it.
        looks: how one would see what went wrong; empty where nothing did.
        recap: what was to be learned.
    """

    title: str
    summary: str
    picture: str
    containers: tuple[str, str]
    options: dict[str, Any]
    walks: tuple[Walk, ...]
    counters: dict[str, dict[str, Any]]
    fdb: dict[str, list[dict[str, Any]]]
    looks: tuple[Look, ...]
    recap: tuple[Lesson, ...]


def as_json(result: Result) -> dict[str, Any]:
    """Return the result as plain lists, dicts, texts and numbers; octets in hexadecimal."""
    return {
        "title": result.title,
        "summary": result.summary,
        "options": result.options,
        "walks": [_walk(walk) for walk in result.walks],
        "counters": result.counters,
        "fdb": result.fdb,
        "looks": [look._asdict() for look in result.looks],
        "recap": [lesson._asdict() for lesson in result.recap],
    }


def _walk(walk: Walk) -> dict[str, Any]:
    return {
        "key": walk.key,
        "title": walk.title,
        "time": walk.time,
        "arrived": walk.arrived,
        "short": walk.is_short,
        "stations": [_station(station) for station in walk.stations],
        "others": list(walk.others),
        "headers": headers_as_json(list(walk.headers)),
    }


def _station(station: Station) -> dict[str, Any]:
    return {
        "number": station.number,
        "host": station.host,
        "place": station.place,
        "size": station.size,
        "change": station.change,
        "decision": station.decision,
        "why": station.why,
        "drop": station.drop,
        "source": station.source,
        "pieces": [_piece(piece) for piece in station.pieces],
        "tables": [
            {
                "name": table.name,
                "before": [entry._asdict() for entry in table.before],
                "after": [entry._asdict() for entry in table.after],
            }
            for table in station.tables
        ],
    }


def _piece(piece: Piece) -> dict[str, Any]:
    return {
        "sign": piece.sign,
        "key": piece.key,
        "name": piece.name,
        "size": piece.size,
        "bytes": piece.octets.hex(),
    }
