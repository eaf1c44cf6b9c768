"""Headers as JSON."""

from collections.abc import Iterable
from typing import Any

from vtep.dissect.model import Field, Header


def headers_as_json(headers: Iterable[Header]) -> list[dict[str, Any]]:
    """Return headers as dictionaries for json.dumps; octets are written in hexadecimal."""
    return [
        header._asdict()
        | {"fields": [_field(field) for field in header.fields], "problems": [*header.problems]}
        for header in headers
    ]


def _field(field: Field) -> dict[str, Any]:
    values = field._asdict()
    del values["checksum"]  # `text` holds it for readers of the JSON
    if isinstance(field.value, bytes):
        values["value"] = field.value.hex()
    return values
