"""A decoded frame as text: each header drawn and explained, then the verdict."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from vtep.decode.inputs import InputFrame
from vtep.decode.verdict import Verdict
from vtep.dissect import Field, Header, diagram, summarize
from vtep.pcap import Record

_STYLES = {"title": "1", "drawing": "36", "problem": "33", "good": "1;32", "bad": "1;31"}
_UNDRAWN = ("payload", "trailer")
_NAME, _VALUE = 22, 30


class Paint:
    """Adds colour to text, if it is on."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, style: str, text: str) -> str:
        """Return the text in a style of _STYLES."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._on else text


def full(
    number: int, frame: InputFrame, headers: Sequence[Header], verdict: Verdict, paint: Paint
) -> Iterator[str]:
    """Yield the lines of a VXLAN frame: every header, then the verdict."""
    yield paint("title", f"Frame {number}: {_circumstances(frame)}")
    yield from _comments(frame)
    for header in headers:
        yield ""
        yield from _header(header, paint)
    yield ""
    yield from _verdict(verdict, paint)
    yield ""


def short(
    number: int, frame: InputFrame, headers: Sequence[Header], verdict: Verdict | None, paint: Paint
) -> Iterator[str]:
    """Yield one line for a frame; for a VXLAN frame also its problems and the verdict."""
    words = one_line(frame, headers)
    if verdict is None:
        yield f"{paint('title', f'Frame {number}:')} not VXLAN: {words}"
        return
    yield f"{paint('title', f'Frame {number}:')} {words}"
    yield from _comments(frame)
    for header in headers:
        for problem in header.problems:
            yield paint("problem", f"  ! {header_title(header)}: {problem}")
    yield from _verdict(verdict, paint)


def one_line(frame: InputFrame, headers: Sequence[Header]) -> str:
    """Return length, outer packet, VNI and inner frame in one line."""
    words = [f"{frame.size} bytes"]
    if frame.first is None and frame.record is not None:
        words.append(f"unknown link type {frame.record.interface.link}")
    words += _side(headers, "outer_")
    for header in headers:
        if header.key == "vxlan":
            texts = {field.key: field.text for field in header.fields}
            if "vxlan.vni" not in texts:
                words.append("VXLAN header cut short")
            elif texts["vxlan.i"] == "1":
                words.append(f"VNI {texts['vxlan.vni'].partition(' ')[0]}")
            else:
                words.append("no valid VNI")
    words += _side(headers, "inner_")
    return ", ".join(words)


def _side(headers: Sequence[Header], prefix: str) -> Iterator[str]:
    """Yield the summary of one side of the tunnel, unless it has no octets."""
    side = [header for header in headers if header.key.startswith(prefix)]
    if any(header.length for header in side):
        yield str(summarize(side))


def header_title(header: Header) -> str:
    """Return the side of the tunnel and the name of a header."""
    side = header.key.partition("_")[0]
    return f"{side.capitalize()} {header.name}" if side in ("outer", "inner") else header.name


def printable(text: str) -> str:
    """Return a text from a file on one line, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _comments(frame: InputFrame) -> Iterator[str]:
    if frame.record is not None:
        yield from (f"  # {printable(text)}" for text in frame.record.comments)


def _circumstances(frame: InputFrame) -> str:
    words = [f"{frame.size} bytes"]
    if len(frame.octets) < frame.size:
        words.append(f"{len(frame.octets)} of them captured")
    if frame.record is not None:
        words += _where_and_when(frame.record)
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
    where = f"bytes {header.at} to {last}" if header.length else f"at byte {header.at}, missing"
    yield paint("title", f"{header_title(header)}, {where}" + (f" ({source})" if source else ""))
    if header.key.endswith(_UNDRAWN):
        yield f"  {header.length} bytes: {header.fields[0].text}"
    elif header.fields:
        yield from (paint("drawing", line) for line in diagram(header))
        yield from (
            _field(field, header.at, source) for field in header.fields if _is_explained(field)
        )
    yield from (paint("problem", f"  ! {problem}") for problem in header.problems)


def _is_explained(field: Field) -> bool:
    """Return whether a field needs a line: single reserved bits that are zero do not."""
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
