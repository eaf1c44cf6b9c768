"""The result of a walk: frozen data classes, and their JSON form."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from vtep.dissect import Field, Header, headers_as_json

MAX_PIECE = 128
"""Maximum number of octets of one piece in a result; its `size` is the full length."""

Sign: TypeAlias = Literal["", "+", "-", "~"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One header of the frame at a station, or the data behind the last header.

    Attributes:
        sign: "+" added here, "-" removed here, "~" changed here, "" unchanged.
        key: "outer_ethernet", "outer_ipv4", "outer_udp", "vxlan", "inner_ethernet", "data", ...
        name: name for people.
        octets: its octets, at most MAX_PIECE.
        size: its full length, in octets.
        fields: its fields; empty if the sign is "".
        at: position of its first octet in the octets from which the fields count.
    """

    sign: Sign
    key: str
    name: str
    octets: bytes
    size: int
    fields: tuple[Field, ...] = ()
    at: int = 0


class TableEntry(NamedTuple):
    """A line of a table: *mac* is behind *dst* (an address, "local", or a bridge port)."""

    mac: str
    dst: str


@dataclass(frozen=True, slots=True)
class TableChange:
    """The change of a table at a station."""

    name: str
    before: tuple[TableEntry, ...]
    after: tuple[TableEntry, ...]


@dataclass(frozen=True, slots=True)
class Station:
    """One point on the path of a frame.

    Attributes:
        number: "1.3": the third station of the first walk.
        host: "c1", "h1", "underlay", "h2", "c2".
        place: "eth0", "br0", "vtep", "udp", "ip", "u1", ...
        pieces: pieces of the frame, outermost first.
        size: length of the frame as it leaves this station, in octets.
        change: difference from the length at the station before.
        decision: what happens to the frame, in a few words.
        why: the reason, for a learner.
        tables: tables that changed.
        drop: name of the reason if the frame ends here, else None.
        source: document with the rule, such as "RFC 7348 section 5".
    """

    number: str
    host: str
    place: str
    pieces: tuple[Piece, ...]
    size: int
    change: int
    decision: str
    why: str = ""
    tables: tuple[TableChange, ...] = ()
    drop: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """The path of one frame.

    Attributes:
        key: "arp_request", "icmp_request", "frame", ...
        title: title for people.
        time: seconds since the first walk.
        stations: stations, in order.
        others: one sentence for each copy that went to another host.
        arrived: whether the frame reached the container.
        is_short: whether a line per station is enough, because a walk before explained them.
        headers: headers of the packet on the underlay; empty if the frame did not get there.
    """

    key: str
    title: str
    time: float
    stations: tuple[Station, ...]
    others: tuple[str, ...]
    arrived: bool
    is_short: bool
    headers: tuple[Header, ...]


class Hint(NamedTuple):
    """How to see a fault on real hosts: a command on a host, and its output in words."""

    host: str
    command: str
    says: str


class Lesson(NamedTuple):
    """A question that the walk answers."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Result:
    """All walks of one run, and the final counters and tables.

    Attributes:
        title, summary: headline and introduction.
        picture: drawing of the hosts, for a terminal.
        containers: names and addresses of both containers.
        options: options of the walk, ready for JSON.
        walks: walks, in order of time.
        counters: counters of each host, from vtep.dataplane.report.counters.
        fdb: FDB of each host, from vtep.dataplane.report.fdb.
        hints: how to see the fault on real hosts; empty without a fault.
        recap: questions and answers to remember.
    """

    title: str
    summary: str
    picture: str
    containers: tuple[str, str]
    options: dict[str, Any]
    walks: tuple[Walk, ...]
    counters: dict[str, dict[str, Any]]
    fdb: dict[str, list[dict[str, Any]]]
    hints: tuple[Hint, ...]
    recap: tuple[Lesson, ...]


def result_as_json(result: Result) -> dict[str, Any]:
    """Return the result as lists, dicts, texts and numbers; octets in hexadecimal."""
    return {
        "title": result.title,
        "summary": result.summary,
        "options": result.options,
        "walks": [_walk(walk) for walk in result.walks],
        "counters": result.counters,
        "fdb": result.fdb,
        "looks": [hint._asdict() for hint in result.hints],
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
