"""A decoded frame as text: each header drawn and told, then the verdict."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from vtep.capfile import Record
from vtep.dissect import Field, Header, diagram
from vtep.walk.inputs import Given
from vtep.walk.verdict import Verdict

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
    if given.record is not None:
        yield from (f"  comment: {printable(text)}" for text in given.record.comments)
    for header in headers:
        yield ""
        yield from _header(header, paint)
    yield ""
    yield from _verdict(verdict, paint)
    yield ""


def short(
    number: int, headers: Sequence[Header], verdict: Verdict | None, summary: str, paint: Paint
) -> Iterator[str]:
    """Yield one line of a frame, and one for each problem and for what becomes of it."""
    yield f"{paint('title', f'Frame {number}:')} {summary}"
    if verdict is None:
        return
    for header in headers:
        for problem in header.problems:
            yield paint("problem", f"  ! {title(header)}: {problem}")
    yield from _verdict(verdict, paint)


def title(header: Header) -> str:
    """Return the name of a header, and on which side of the tunnel it is."""
    side = header.key.partition("_")[0]
    return f"{side.capitalize()} {header.name}" if side in ("outer", "inner") else header.name


def printable(text: str) -> str:
    """Return a text from a file on one line, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


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
    source = header.fields[0].source if header.fields else ""
    last = header.at + header.length - 1
    where = f"octets {header.at} to {last}" if header.length else f"at octet {header.at}, missing"
    yield paint("title", f"{title(header)}, {where}" + (f" ({source})" if source else ""))
    if header.key.rpartition("_")[2] in _UNDRAWN:
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
    style = "good" if verdict.what == "delivered" else "bad"
    yield paint(style, f"  => {verdict.text}")
    if verdict.assumed:
        yield f"     assumed: {'; '.join(verdict.assumed)}"
