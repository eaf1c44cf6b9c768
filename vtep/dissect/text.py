"""Headers as JSON."""

from collections.abc import Iterable
from typing import Any

from vtep.dissect.model import Field, Header


def as_json(headers: Iterable[Header]) -> list[dict[str, Any]]:
    """Return headers as dictionaries, for json.dumps; octets are written in hexadecimal."""
    return [
        header._asdict()
        | {"fields": [_field(field) for field in header.fields], "problems": [*header.problems]}
        for header in headers
    ]


def _field(field: Field) -> dict[str, Any]:
    value = field.value
    return field._asdict() | {"value": value.hex() if isinstance(value, bytes) else value}
