"""What to run: a Config, frozen, and checked once, whichever way it was written.

Flags, VTEP_* variables and TOML keys (vtep.options says which) end in the same classes, and the
classes check themselves. Everything is checked here that can be without asking the host, so that
`vtep check` needs no root and nothing but this file and the standard library.
"""

import argparse
import dataclasses
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal

from vtep.options import CONFIG, COUNT, LIST, OFFLOADS, OPTIONS, Option, Table, keys
from vtep.wire.vxlan import MAX_VNI, PORT

MIN_MTU = 576
"""Least MTU of an overlay: what every IPv4 host must take (RFC 791 section 3.1)."""
MAX_MTU = 65535
_LEAST_OVERHEAD = 50
_TAP_NAME_MAX = 15
_TITLES: dict[Table, str] = {
    "underlay": "[underlay]",
    "overlay": "[[overlay]]",
    "process": "the top level",
}


class ConfigError(ValueError):
    """The configuration cannot be; str() is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class UnderlayConfig:
    """The IP network between the VTEPs; `mtu` is its IP MTU. None: asked of the routing table.

    Attributes:
        srcport: the first and the last UDP port to send from (RFC 7348 section 5).
        uplink: how datagrams leave; `uplink_setup`: what is in its way may be changed for it.
    """

    local: str | None = None
    dev: str | None = None
    port: int = PORT
    srcport: tuple[int, int] = (49152, 65535)
    mtu: int | None = None
    uplink: Literal["socket", "inject", "auto"] = "socket"
    uplink_setup: bool = False


@dataclass(frozen=True, slots=True)
class OverlayConfig:
    """One VNI and the TAP, or the VLAN on a trunk TAP, that it joins.

    Attributes:
        peers: addresses or names of the other VTEPs, each once: the flood list.
        vlan: carry this VLAN of a trunk alone, its tag off inside the tunnel. None: untagged
            frames, and tagged ones too where no other overlay shares the TAP.
        tags: what becomes of (further) 802.1Q tags. RFC 7348 section 6.1: strip, and refuse.
        mtu: of the TAP. None: worked out of the underlay's.
        ageing: seconds that a learned MAC is kept after it was last heard.
        max_address: most MACs kept; 0 for no limit.
    """

    vni: int
    tap: str
    peers: tuple[str, ...] = ()
    bridge: str | None = None
    docker_network: str | None = None
    vlan: int | None = None
    tags: Literal["strip", "pass"] = "strip"
    mtu: int | None = None
    ageing: float = 300.0
    max_address: int = 1_048_576
    clamp_mss: bool = True
    accept_any: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """A whole VTEP: one underlay, one or more overlays, and how its process behaves.

    Attributes:
        offload: of vtep.options.OFFLOADS, what the kernel may do for us where it can.

    Raises:
        ConfigError: on construction, if it cannot be.
    """

    underlay: UnderlayConfig
    overlays: tuple[OverlayConfig, ...]
    ready_fd: int | None = None
    verbose: int = 0
    log_format: Literal["text", "json"] = "text"
    offload: tuple[str, ...] = OFFLOADS

    def __post_init__(self) -> None:
        """Check everything that can be checked without the host."""
        for problem in _problems(self):
            raise ConfigError(problem)


_CLASSES: dict[Table, type] = {
    "underlay": UnderlayConfig,
    "overlay": OverlayConfig,
    "process": Config,
}


def default(option: Option) -> str:
    """Return what `option` is when it is not given, in words; empty if it is nothing."""
    if option.unset or option.table == "command":
        return option.unset
    defaults = {f.name: f.default for f in dataclasses.fields(_CLASSES[option.table])}
    value = defaults[option.field]
    if value in (dataclasses.MISSING, None, ()):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def load(path: str | os.PathLike[str]) -> Config:
    """Return the Config in the TOML file at `path`.

    Raises:
        ConfigError: there is none, or not a valid one.
    """
    document = _read(path)
    try:
        underlay = document.pop("underlay", {})
        overlays = document.pop("overlay", [])
        if not isinstance(underlay, dict):
            raise ConfigError("underlay must be one table: write [underlay] above its keys")
        if not isinstance(overlays, list) or not all(isinstance(one, dict) for one in overlays):
            raise ConfigError("overlay must be tables: write [[overlay]], two brackets, above each")
        if not overlays:
            raise ConfigError("no [[overlay]] in it: add one with vni, tap and peers")
        tables = [
            _checked(one, "overlay", f"[[overlay]] {number}")
            for number, one in enumerate(overlays, 1)
        ]
        below = _checked(underlay, "underlay", "[underlay]")
        top = _checked(document, "process", "the top level")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return Config(UnderlayConfig(**below), tuple(map(_overlay, tables)), **top)


def from_arguments(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Return the Config that flags, environment and file give, in this order of precedence.

    Args:
        arguments: for each option, by its `dest`, the texts it was given on the command line as a
            list, or None (vtep.cli makes it so).
        environ: the environment; an empty variable counts as not set.

    Raises:
        ConfigError: they do not make a valid one.
    """
    flags = {
        option: _from_flag(option, texts)
        for option in OPTIONS
        if (texts := getattr(arguments, option.dest, None))
    }
    describing = [option.flag for option in flags if option.table in ("overlay", "underlay")]
    path = flags.get(CONFIG)
    if path and describing:
        raise ConfigError(
            f"{describing[0]} and --config exclude each other: "
            f"write it into {path}, or leave --config out"
        )
    if not describing:
        path = path or environ.get(CONFIG.variable)
    given = {
        option: _from_text(option, text, option.variable)
        for option in OPTIONS
        if (text := environ.get(option.variable)) and (option.table == "process" or not path)
    } | flags
    values: dict[Table, dict[str, Any]] = {
        table: {option.field: value for option, value in given.items() if option.table == table}
        for table in _CLASSES
    }
    if path:
        return dataclasses.replace(load(path), **values["process"])
    missing = [f"--{name}" for name in ("tap", "vni") if name not in values["overlay"]]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} not given: say what to join with "
            "--tap NAME --vni VNI --peer HOST, or with --config FILE"
        )
    overlay = _overlay(values["overlay"])
    return Config(UnderlayConfig(**values["underlay"]), (overlay,), **values["process"])


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    import tomllib  # asked for by --config only, and slow to import

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}: give --config a file that can be read"
        ) from None
    except ValueError:
        raise ConfigError(f"{path}: is not UTF-8 text: give --config a TOML file") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        position = re.fullmatch(r"(line \d+), column \d+\)", where)
        line = position[1] if position else f"line {text.count(chr(10)) + 1}"
        raise ConfigError(f"{path}: {line}: {what}: correct the TOML there") from None


def _checked(table: dict[str, Any], kind: Table, where: str) -> dict[str, Any]:
    """Return the values of one TOML table by field, each known and of the right type."""
    known = keys(kind)
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {where}: {_suggestion(key, kind)}")
        if not known[key].kind.fits(value):
            raise ConfigError(f"{key} in {where} must be {known[key].kind.wanted}: not {value!r}")
    for key in ("vni", "tap"):
        if kind == "overlay" and key not in table:
            raise ConfigError(f"{key} is missing in {where}: add it")
    return {known[key].field: known[key].kind.meaning(value) for key, value in table.items()}


def _suggestion(key: str, kind: Table) -> str:
    """Say what was probably meant by the unknown `key` in a table of this `kind`."""
    import difflib  # for a mistake only

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
            return f"it belongs to {title}"
    near = difflib.get_close_matches(key.lower().replace("_", "-"), names, 1)
    if near:
        return f"did you mean {names[near[0]]!r}?"
    return f"the keys there are {', '.join(dict.fromkeys(names.values()))}"


def _from_flag(option: Option, texts: list[str]) -> Any:
    if option.kind is COUNT:
        return len(texts)
    if option.kind is LIST:
        texts = [",".join(texts)]
    if len(texts) > 1:
        raise ConfigError(
            f"{option.flag} is given {len(texts)} times: give it once "
            "(several overlays are written into a file for --config)"
        )
    return _from_text(option, texts[0], option.flag)


def _from_text(option: Option, text: str, source: str) -> Any:
    try:
        value = option.kind.parse(text)
    except ValueError:
        value = None
    if value is None or not option.kind.fits(value):
        wanted = option.kind.wanted_text or option.kind.wanted
        raise ConfigError(f"{source} must be {wanted}: not {text!r}")
    return option.kind.meaning(value)


def _overlay(values: dict[str, Any]) -> OverlayConfig:
    """Make an overlay of values by key, where `vlan` says what becomes of tags too."""
    if isinstance(values.get("vlan"), str):
        values = {**values, "tags": values["vlan"], "vlan": None}
    return OverlayConfig(**{**values, "peers": tuple(dict.fromkeys(values.get("peers", ())))})


def _problems(config: Config) -> Iterator[str]:
    """Yield what makes `config` impossible, worst first."""
    yield from _underlay_problems(config.underlay)
    if not config.overlays:
        yield "no overlay: add one with vni, tap and peers"
    if config.ready_fd is not None and config.ready_fd < 0:
        yield f"ready-fd {config.ready_fd} is no file descriptor: use 0 or more"
    for name in ("tso", "uso"):
        if name in config.offload and "vnet" not in config.offload:
            yield f"offload {name} does not work without vnet: add that, or leave {name} out"
    if config.verbose < 0:
        yield f"verbose {config.verbose} is below 0: use 0 or more"
    for number, overlay in enumerate(config.overlays, 1):
        where = f"overlay {number} (vni {overlay.vni}): " if len(config.overlays) > 1 else ""
        for problem in _overlay_problems(overlay):
            yield where + problem
        for earlier, other in enumerate(config.overlays[: number - 1], 1):
            for problem in _conflicts(overlay, other, f"overlay {earlier}"):
                yield where + problem


def _underlay_problems(underlay: UnderlayConfig) -> Iterator[str]:
    if not 1 <= underlay.port <= 65535:
        yield f"port {underlay.port} is out of range: use 1..65535 (VXLAN's is {PORT})"
    first, last = underlay.srcport
    if not 1 <= first <= 65535 or not 1 <= last <= 65535:
        yield f"srcport {first} {last} is out of range: use two of 1..65535"
    elif first > last:
        yield f"srcport {first} {last} begins behind its end: write {last} {first}"
    mtu, least = underlay.mtu, MIN_MTU + _LEAST_OVERHEAD
    if mtu is not None and mtu < least:
        yield f"underlay mtu {mtu} leaves less than {MIN_MTU} for the overlay: use {least} or more"
    if mtu is not None and mtu > MAX_MTU:
        yield f"underlay mtu {mtu} is out of range: use at most {MAX_MTU}"
    if underlay.local is not None and not _is_address(underlay.local):
        yield f"local {underlay.local!r} is no IP address: use an address of this host"


def _overlay_problems(overlay: OverlayConfig) -> Iterator[str]:
    if not 0 <= overlay.vni <= MAX_VNI:
        yield f"vni {overlay.vni} is out of range: use 0..{MAX_VNI}"
    yield from _tap_problems(overlay.tap)
    if overlay.vlan is not None and not 1 <= overlay.vlan <= 4094:
        yield f"vlan {overlay.vlan} is out of range: use 1..4094, strip or pass"
    if overlay.bridge is not None and overlay.docker_network is not None:
        yield "bridge and docker-network exclude each other: leave one out"
    if overlay.mtu is not None and not MIN_MTU <= overlay.mtu <= MAX_MTU:
        yield f"mtu {overlay.mtu} is out of range: use {MIN_MTU}..{MAX_MTU}"
    if not 0 < overlay.ageing < inf:
        yield f"ageing {overlay.ageing:g} is out of range: use a number of seconds above 0"
    if overlay.max_address < 0:
        yield f"max-address {overlay.max_address} is below 0: use 0 for no limit, or more"
    for peer in overlay.peers:
        yield from _peer_problems(peer)
    if not overlay.peers and not overlay.accept_any:
        yield "no peer: name one (--peer, peers = [...]), or set accept-any to receive from anyone"


def _tap_problems(name: str) -> Iterator[str]:
    length = len(os.fsencode(name))
    if not 1 <= length <= _TAP_NAME_MAX:
        yield f"tap {name!r} has {length} characters: use 1..{_TAP_NAME_MAX}"
    elif name in (".", "..") or re.search(r"[\s/:%\x00-\x1f\x7f]", name):
        yield f"tap {name!r} is no device name: leave out white space and the characters / : %"


def _peer_problems(peer: str) -> Iterator[str]:
    if _is_address(peer):
        return
    host = re.fullmatch(r"\[(.+)\](:\d+)?|([^:]+):\d+", peer)
    if host:
        yield f"peer {peer!r}: write {host[1] or host[3]} alone; the port is that of --port"
    elif not re.fullmatch(r"[\w.-]+", peer) or not re.search(r"[^\d.]", peer):
        yield f"peer {peer!r} is neither an IP address nor a host name: correct it"


def _conflicts(overlay: OverlayConfig, other: OverlayConfig, name: str) -> Iterator[str]:
    """Yield why `overlay` cannot stand beside `other`, an earlier one called `name`."""
    if overlay.vni == other.vni:
        yield f"VNI {overlay.vni} is already used by {name}: give each overlay its own"
    if overlay.tap != other.tap:
        return
    if "pass" in (overlay.tags, other.tags):
        yield (
            f"TAP {overlay.tap} is shared with {name}, so tags cannot pass: "
            'leave vlan = "pass" out, or use another TAP'
        )
    if overlay.vlan == other.vlan:
        if overlay.vlan is None:
            yield f"TAP {overlay.tap} is already used by {name}: use another, or give each a vlan"
        else:
            yield (
                f"VLAN {overlay.vlan} on TAP {overlay.tap} is already used by {name}: "
                "give each overlay its own"
            )
    for field in ("bridge", "docker_network", "mtu"):
        ours, theirs = getattr(overlay, field), getattr(other, field)
        if ours != theirs:
            yield (
                f"{field.replace('_', '-')} is {ours or 'not set'}, but {theirs or 'not set'} in "
                f"{name} on the same TAP {overlay.tap}: make them equal"
            )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
