"""What to run: a Config, frozen, and checked once, whichever way it was written.

Flags, VTEP_* variables and TOML keys (vtep.config.load reads them) end in the same classes, and the
classes check themselves. Everything is checked here that can be without asking the host, so that
`vtep check` needs no root.
"""

import dataclasses
import ipaddress
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal

from vtep.config.options import OFFLOADS, Option, TableName
from vtep.errors import UsageError
from vtep.wire.vxlan import MAX_VNI, PORT

MIN_MTU = 576
"""Least MTU of an overlay: what every IPv4 host must take (RFC 791 section 3.1)."""
MAX_MTU = 65535
_LEAST_OVERHEAD = 50
_TAP_NAME_MAX = 15


@dataclass(frozen=True, slots=True)
class UnderlayConfig:
    """The IP network between the VTEPs; `mtu` is its IP MTU. None: asked of the routing table.

    Attributes:
        srcport: the first and the last UDP port to send from (RFC 7348 section 5).
        uplink: how datagrams leave; `uplink_setup`: what is in its way may be changed for it.
        trust_outer_checksum: inner checksums under an outer one that was verified are not.
    """

    local: str | None = None
    dev: str | None = None
    port: int = PORT
    srcport: tuple[int, int] = (49152, 65535)
    mtu: int | None = None
    uplink: Literal["socket", "inject", "auto"] = "socket"
    uplink_setup: bool = False
    trust_outer_checksum: bool = False


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
        offload: of vtep.config.options.OFFLOADS, what the kernel may do for us where it can.
        control: path of the Unix socket to be asked through, or "none"; None: where it is looked
            for.
        web, metrics: "ADDRESS:PORT" of a TCP socket to be asked through, or "fd:N" for one that
            listens already.
        web_remote: `web` may be any address, not only one of the loopback.

    Raises:
        ConfigError: on construction, if it cannot be.
    """

    underlay: UnderlayConfig
    overlays: tuple[OverlayConfig, ...]
    ready_fd: int | None = None
    verbose: int = 0
    log_format: Literal["text", "json"] = "text"
    offload: tuple[str, ...] = OFFLOADS
    control: str | None = None
    web: str | None = None
    web_remote: bool = False
    metrics: str | None = None

    def __post_init__(self) -> None:
        """Check everything that can be checked without the host."""
        for problem in _problems(self):
            raise UsageError(problem)


CLASSES: dict[TableName, type] = {
    "underlay": UnderlayConfig,
    "overlay": OverlayConfig,
    "process": Config,
}
"""What each table of the TOML file ends in."""


def default(option: Option) -> str:
    """Return what `option` is when it is not given, in words; empty if it is nothing."""
    if option.unset or option.table == "command":
        return option.unset
    defaults = {f.name: f.default for f in dataclasses.fields(CLASSES[option.table])}
    value = defaults[option.field]
    if value in (dataclasses.MISSING, None, ()):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


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
    yield from _door_problems(config)
    for number, overlay in enumerate(config.overlays, 1):
        where = f"overlay {number} (vni {overlay.vni}): " if len(config.overlays) > 1 else ""
        for problem in _overlay_problems(overlay):
            yield where + problem
        for earlier, other in enumerate(config.overlays[: number - 1], 1):
            for problem in _conflicts(overlay, other, f"overlay {earlier}"):
                yield where + problem


def _door_problems(config: Config) -> Iterator[str]:
    if config.control is not None and "\0" in config.control:
        yield f"control {config.control!r} is no path: leave the NUL out"
    for name, example in (("web", "127.0.0.1:8789"), ("metrics", "127.0.0.1:9478")):
        place = getattr(config, name)
        if place is None or inherited_fd(place) is not None:
            continue
        try:
            address, _ = address_and_port(place)
        except ValueError:
            yield f"{name} {place!r} is no IP address and port: write them as {example}"
            continue
        if (
            name == "web"
            and not config.web_remote
            and not ipaddress.ip_address(address).is_loopback
        ):
            yield (
                f"web {place} can be reached from other hosts: use a loopback address, as "
                f"{example}, or add web-remote"
            )


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


def inherited_fd(place: str) -> int | None:
    """Return the descriptor in "fd:N", of a socket that was handed down; None for other texts."""
    found = re.fullmatch(r"fd:(\d{1,9})", place, re.ASCII)
    return None if found is None else int(found[1])


def address_and_port(text: str) -> tuple[str, int]:
    """Return the parts of "ADDRESS:PORT", or of "[ADDRESS]:PORT" for IPv6.

    Raises:
        ValueError: it is none.
    """
    address, colon, port = text.rpartition(":")
    bracketed = address.startswith("[") and address.endswith("]")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError
    found = ipaddress.ip_address(address[1:-1] if bracketed else address)
    if (found.version == 6) != bracketed:
        raise ValueError
    return str(found), int(port)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
