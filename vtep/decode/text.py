"""A decoded frame as text: each header drawn and told, then the verdict."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from vtep.decode.inputs import Given
from vtep.decode.verdict import Verdict
from vtep.dissect import Field, Header, diagram
from vtep.pcap import Record

_STYLES = {"title": "1", "drawing": "36", "problem": "33", "good": "1;32", "bad": "1;31"}
_UNDRAWN = ("payload", "trailer")
_NAME, _VALUE = 22, 30


class Paint:
    """Puts colours on words, or does not."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, style: str, text: str) -> str:
        """Return the text in a style."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._on else text


def full(
    number: int, given: Given, headers: Sequence[Header], verdict: Verdict, paint: Paint
) -> Iterator[str]:
    """Yield the lines of a frame with VXLAN."""
    yield paint("title", f"Frame {number}: {_circumstances(given)}")
    yield from _comments(given)
    for header in headers:
        yield ""
        yield from _header(header, paint)
    yield ""
    yield from _verdict(verdict, paint)
    yield ""


def short(
    number: int, given: Given, headers: Sequence[Header], verdict: Verdict | None, paint: Paint
) -> Iterator[str]:
    """Yield one line of a frame; of one with VXLAN also each problem, and what becomes of it."""
    words = summary(given, headers)
    if verdict is None:
        yield f"{paint('title', f'Frame {number}:')} no VXLAN: {words}"
        return
    yield f"{paint('title', f'Frame {number}:')} {words}"
    yield from _comments(given)
    for header in headers:
        for problem in header.problems:
            yield paint("problem", f"  ! {title(header)}: {problem}")
    yield from _verdict(verdict, paint)


def summary(given: Given, headers: Sequence[Header]) -> str:
    """Return who speaks to whom and what, outside and inside, in one line."""
    words = [f"{given.size} octets"]
    if given.first is None and given.record is not None:
        words.append(f"link type {given.record.interface.link}, which is not known here")
    words.append(_side([header for header in headers if header.key.startswith("outer_")]))
    for header in headers:
        if header.key == "vxlan":
            texts = {field.key: field.text for field in header.fields}
            if "vxlan.vni" not in texts:
                words.append("half a VXLAN header")
            elif texts["vxlan.i"] == "1":
                words.append(f"VNI {texts['vxlan.vni'].partition(' ')[0]}")
            else:
                words.append("no valid VNI")
    words.append(_side([header for header in headers if header.key.startswith("inner_")]))
    return ", ".join(word for word in words if word)


_PORTS = (
    ("tcp.source_port", "tcp.destination_port"),
    ("udp.source_port", "udp.destination_port"),
)
_KINDS = ("arp.operation", "icmp.type")


def _side(headers: Sequence[Header]) -> str:
    """Return the addresses and the last header of one side of the tunnel."""
    texts = {field.key: field.text for header in headers for field in header.fields}
    names = [header.name for header in headers if not header.key.endswith(_UNDRAWN)]
    words = []
    for layer in ("ip", "ethernet"):
        ends = texts.get(f"{layer}.source"), texts.get(f"{layer}.destination")
        if None not in ends:
            words.append(f"{ends[0]} > {ends[1]}")
            break
    words += names[-1:]
    for ports in _PORTS:
        if all(port in texts for port in ports):
            words.append(" > ".join(texts[port].partition(" ")[0] for port in ports))
    words += [_in_brackets(texts[kind]) for kind in _KINDS if kind in texts]
    return " ".join(words)


def _in_brackets(text: str) -> str:
    """Return "request" of "1 (request)"; the number where it has no name."""
    number, _, name = text.partition(" (")
    return name.removesuffix(")") or f"type {number}"


def title(header: Header) -> str:
    """Return the name of a header, and on which side of the tunnel it is."""
    side = header.key.partition("_")[0]
    return f"{side.capitalize()} {header.name}" if side in ("outer", "inner") else header.name


def printable(text: str) -> str:
    """Return a text from a file on one line, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _comments(given: Given) -> Iterator[str]:
    if given.record is not None:
        yield from (f"  # {printable(text)}" for text in given.record.comments)


def _circumstances(given: Given) -> str:
    words = [f"{given.size} octets"]
    if len(given.octets) < given.size:
        words.append(f"{len(given.octets)} of them kept")
    if given.record is not None:
        words += _where_and_when(given.record)
    return ", ".join(words)


def _where_and_when(record: Record) -> Iterator[str]:
    if record.time is not None:
        yield when(record.time)
    if record.interface.name:
        yield f"on {printable(record.interface.name)}"
    if record.direction is not None:
        yield record.direction


def when(time: int) -> str:
    """Return nanoseconds since 1970 as text, in UTC."""
    seconds, fraction = divmod(time, 10**9)
    try:
        day = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{seconds}.{fraction:09} s"
    return f"{day}.{fraction:09} UTC"


def _header(header: Header, paint: Paint) -> Iterator[str]:
    sources = Counter(field.source for field in header.fields)
    source = sources.most_common(1)[0][0] if sources else ""
    last = header.at + header.length - 1
    where = f"octets {header.at} to {last}" if header.length else f"at octet {header.at}, missing"
    yield paint("title", f"{title(header)}, {where}" + (f" ({source})" if source else ""))
    if header.key.endswith(_UNDRAWN):
        yield f"  {header.length} octets: {header.fields[0].text}"
    elif header.fields:
        yield from (paint("drawing", line) for line in diagram(header))
        yield from (_field(field, header.at, source) for field in header.fields if _is_told(field))
    yield from (paint("problem", f"  ! {problem}") for problem in header.problems)


def _is_told(field: Field) -> bool:
    """Tell whether a field needs words: single reserved bits that are zero do not."""
    return field.name != "R" or field.value != 0


def _field(field: Field, at: int, source: str) -> str:
    first = field.at - at * 8
    bits = f"{first}" if field.bits == 1 else f"{first}-{first + field.bits - 1}"
    other = f" ({field.source})" if field.source != source else ""
    return f"  {bits:>7}  {field.name:<{_NAME}} {field.text:<{_VALUE}} {field.meaning}{other}"


def _verdict(verdict: Verdict, paint: Paint) -> Iterator[str]:
    style = {"delivered": "good", "dropped": "bad", "ignored": "title"}[verdict.what]
    yield paint(style, f"  => {verdict.text}")
    if verdict.assumed:
        yield f"     assumed: {'; '.join(verdict.assumed)}"
