"""Load a Config from flags, VTEP_* variables and a TOML file.

vtep.config.options describes the options.
"""

import argparse
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vtep.config.model import CLASSES, Config, OverlayConfig, UnderlayConfig
from vtep.config.options import CONFIG, COUNT, LIST, OPTIONS, Option, TableName, keys
from vtep.config.unsupported import UNSUPPORTED
from vtep.errors import UsageError, closest, did_you_mean

_PREFIX = "VTEP_"
_KUBERNETES_PREFIX = "VTEP_SERVICE_"
_TITLES: dict[TableName, str] = {
    "underlay": "[underlay]",
    "overlay": "[[overlay]]",
    "process": "the top level",
}


def load(path: str | os.PathLike[str]) -> Config:
    """Return the Config in the TOML file at `path`.

    Raises:
        UsageError: the file cannot be read or its content is not valid.
    """
    document = _read(path)
    try:
        underlay = document.pop("underlay", {})
        overlays = document.pop("overlay", [])
        if not isinstance(underlay, dict):
            raise UsageError("underlay: not a single table; write [underlay] above its keys")
        if not isinstance(overlays, list) or not all(isinstance(one, dict) for one in overlays):
            raise UsageError("overlay: not a list of tables; write [[overlay]] above each of them")
        if not overlays:
            raise UsageError("no [[overlay]] table; add one with vni, tap and peers")
        tables = [
            _checked(one, "overlay", f"[[overlay]] {number}")
            for number, one in enumerate(overlays, 1)
        ]
        below = _checked(underlay, "underlay", "[underlay]")
        top = _checked(document, "process", "the top level")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return Config(UnderlayConfig(**below), tuple(map(_overlay, tables)), **top)


def from_arguments(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Return the Config from flags, environment and file, in this order of precedence.

    Args:
        arguments: for each option, under its `dest`, the list of texts from the command line, or
            None. vtep.cli.main builds it.
        environ: the environment; an empty variable counts as not set.

    Raises:
        UsageError: an option is missing, not valid, or conflicts with another one.
    """
    flags = {
        option: _from_flag(option, texts)
        for option in OPTIONS
        if (texts := getattr(arguments, option.dest, None))
    }
    describing = [option.flag for option in flags if option.table in ("overlay", "underlay")]
    path = flags.get(CONFIG)
    if path and describing:
        raise UsageError(
            f"{describing[0]} and --config: cannot be combined; "
            f"move {describing[0]} into {path}, or leave --config out"
        )
    if not describing:
        path = path or environ.get(CONFIG.variable)
    given = {
        option: _from_text(option, text, option.variable)
        for option in OPTIONS
        if (text := environ.get(option.variable)) and (option.table == "process" or not path)
    } | flags
    values: dict[TableName, dict[str, Any]] = {
        table: {option.field: value for option, value in given.items() if option.table == table}
        for table in CLASSES
    }
    if path:
        return dataclasses.replace(load(path), **values["process"])
    missing = [f"--{name}" for name in ("tap", "vni") if name not in values["overlay"]]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)}: missing; run for example "
            "vtep --tap vx0 --vni 100 --peer 10.0.1.41, or give --config FILE"
        )
    overlay = _overlay(values["overlay"])
    return Config(UnderlayConfig(**values["underlay"]), (overlay,), **values["process"])


def mistyped_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each unknown VTEP_* variable whose name is similar to a known one.

    Others may belong to another program: Kubernetes makes VTEP_SERVICE_HOST and VTEP_SERVICE_PORT
    for a service "vtep".
    """
    variables = {option.variable for option in OPTIONS}
    known = {
        name.lstrip("-").replace("-", "_").upper(): option.variable
        for option in OPTIONS
        for name in (*option.aliases, option.flag)
    }
    for name in sorted(environ):
        is_ours = name.startswith(_PREFIX) and not name.startswith(_KUBERNETES_PREFIX)
        if is_ours and name not in variables:
            for near in closest(name.removeprefix(_PREFIX), known):
                yield f"{name}: unknown variable; did you mean {known[near]}?"


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    import tomllib  # slow to import, and needed with --config only

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give --config a readable file") from None
    except ValueError:
        raise UsageError(f"{path}: not UTF-8 text; give --config a TOML file") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        position = re.fullmatch(r"(line \d+), column \d+\)", where)
        line = position[1] if position else f"line {text.count(chr(10)) + 1}"
        raise UsageError(f"{path}: {line}: {what}; correct the TOML there") from None


def _checked(table: dict[str, Any], kind: TableName, where: str) -> dict[str, Any]:
    """Return the values of one TOML table by field name, after checking keys and types."""
    known = keys(kind)
    for key, value in table.items():
        if key not in known and key in UNSUPPORTED:
            raise UsageError(f"{where}: key {key!r}: {UNSUPPORTED[key]}")
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}; {_suggestion(key, kind)}")
        if not known[key].kind.accepts(value):
            raise _not_valid(f"{key} in {where}", value, known[key].kind.expected)
    for key in ("vni", "tap"):
        if kind == "overlay" and key not in table:
            raise UsageError(f"{where}: {key} is missing; add it")
    return {known[key].field: known[key].kind.convert(value) for key, value in table.items()}


def _suggestion(key: str, kind: TableName) -> str:
    """Return the remedy for the unknown `key` in a table of this `kind`."""
    names = {
        name.lstrip("-"): option.key
        for option in OPTIONS
        if option.table == kind
        for name in (*option.aliases, option.flag, option.key)
    }
    if kind == "process":
        names |= {"overlay": "[[overlay]]", "underlay": "[underlay]"}
    for other, title in _TITLES.items():
        if key not in names and key in keys(other):
            return f"move it to {title}"
    return did_you_mean(key.lower().replace("_", "-"), names)


def _from_flag(option: Option, texts: list[str]) -> Any:
    if option.kind is COUNT:
        return len(texts)
    if option.kind is LIST:
        texts = [",".join(texts)]
    if len(texts) > 1:
        raise UsageError(
            f"{option.flag}: given {len(texts)} times; give it once, "
            "or describe several overlays in a --config file"
        )
    return _from_text(option, texts[0], option.flag)


def _from_text(option: Option, text: str, source: str) -> Any:
    try:
        value = option.kind.parse(text)
    except ValueError:
        value = None
    if value is None or not option.kind.accepts(value):
        raise _not_valid(source, text, option.kind.expected_text or option.kind.expected)
    return option.kind.convert(value)


def _not_valid(source: str, value: object, expected: str) -> UsageError:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)  # as TOML writes it
    return UsageError(f"{source}: {shown} is not valid; use {expected}")


def _overlay(values: dict[str, Any]) -> OverlayConfig:
    """Return the overlay with these values by field; a text in `vlan` is the mode for tags."""
    if isinstance(values.get("vlan"), str):
        values = {**values, "tags": values["vlan"], "vlan": None}
    return OverlayConfig(**{**values, "peers": tuple(dict.fromkeys(values.get("peers", ())))})
