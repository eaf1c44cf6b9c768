"""The configuration: a frozen Config that validates itself when it is created.

Flags, VTEP_* variables and TOML keys all end in these classes (vtep.config.load reads them). The
checks here do not query the host, so `vtep check` works without root.
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
from vtep.config.underlay import (
    MAX_IP_PACKET,
    MIN_MTU,
    IPAddress,
    common_versions,
    overhead,
    parse_address,
    why_not_mtu,
    why_not_peer,
)
from vtep.errors import UsageError
from vtep.wire.vxlan import MAX_VNI, PORT

MAX_MTU = 65535
_TAP_NAME_MAX = 15
_SOCKET_PATH_MAX = 107
"""Of struct sockaddr_un, without the NUL at its end."""


@dataclass(frozen=True, slots=True)
class UnderlayConfig:
    """The IP network between the VTEPs.

    Attributes:
        local: source address of outgoing packets. None: the routing table decides.
        dev: the only device to send and receive by. None: any.
        port: UDP destination port, and the port to listen on.
        srcport: the first and the last UDP port to send from (RFC 7348 section 5).
        mtu: largest IP packet on the underlay, in octets. None: the routing table decides.
        uplink: how datagrams leave: by UDP sockets, or as packets injected into a TAP.
        uplink_setup: allow changes to the host's rp_filter and firewall for `inject`.
        trust_outer_checksum: skip inner checksums if the outer checksum was verified.
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
    """One VNI and the TAP, or the VLAN on a trunk TAP, that it connects.

    Attributes:
        peers: addresses or names of the other VTEPs, without duplicates: the flood list.
        bridge: bridge to attach the TAP to. None: do not attach it.
        docker_network: Docker network whose bridge the TAP is attached to. None: do not attach it.
        vlan: carry only this VLAN of a trunk TAP, without its tag inside the tunnel. None: carry
            untagged frames, and tagged frames too if no other overlay shares the TAP.
        tags: mode for (further) 802.1Q tags. "strip": remove tags when encapsulating and drop
            tagged frames when decapsulating (RFC 7348 section 6.1). "pass": keep tags.
        mtu: MTU of the TAP. None: derived from the underlay MTU.
        ageing: seconds from the last frame of a learned MAC until its entry expires.
        max_address: largest number of FDB entries; 0 for no limit.
        clamp_mss: lower the MSS of TCP SYNs to fit the MTU.
        accept_any: accept datagrams from any sender, not only from peers.
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
        ready_fd: file descriptor to write a newline to when the VTEP is ready. None: no signal.
        verbose: how often -v was given; 0 logs least.
        offload: allowed kernel offloads, of vtep.config.options.OFFLOADS.
        keep_warm: rehearse the path of a frame on an idle link (vtep.daemon.keep_warm).
        control: path of the control socket, or "none". None: the default path.
        web, metrics: "ADDRESS:PORT" to listen on, or "fd:N" for an inherited listening socket.
        web_remote: allow `web` addresses other than loopback.

    Raises:
        UsageError: on construction, if the values are not valid.
    """

    underlay: UnderlayConfig
    overlays: tuple[OverlayConfig, ...]
    ready_fd: int | None = None
    verbose: int = 0
    log_format: Literal["text", "json"] = "text"
    offload: tuple[str, ...] = OFFLOADS
    keep_warm: bool = True
    control: str | None = None
    web: str | None = None
    web_remote: bool = False
    metrics: str | None = None

    def __post_init__(self) -> None:
        """Check everything that does not depend on the host."""
        for problem in _problems(self):
            raise UsageError(problem)


CLASSES: dict[TableName, type] = {
    "underlay": UnderlayConfig,
    "overlay": OverlayConfig,
    "process": Config,
}
"""The class for each table of the TOML file."""


def default(option: Option) -> str:
    """Return the default of `option` as text; empty if it has none."""
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
    """Yield the errors in `config`, the most basic first."""
    yield from _underlay_problems(config.underlay)
    if not config.overlays:
        yield "overlay: no overlay given; add one with vni, tap and peers"
    if config.ready_fd is not None and config.ready_fd < 0:
        yield f"ready-fd {config.ready_fd}: not a file descriptor; use 0 or more"
    for name in ("tso", "uso"):
        if name in config.offload and "vnet" not in config.offload:
            yield f"offload {name}: requires vnet; add vnet, or leave {name} out"
    if config.verbose < 0:
        yield f"verbose {config.verbose}: negative; use 0 or more"
    yield from _socket_problems(config)
    for number, overlay in enumerate(config.overlays, 1):
        where = f"overlay {number} (vni {overlay.vni}): " if len(config.overlays) > 1 else ""
        for problem in _overlay_problems(overlay):
            yield where + problem
        for earlier, other in enumerate(config.overlays[: number - 1], 1):
            for problem in _conflicts(overlay, other, f"overlay {earlier}"):
                yield where + problem
    yield from _path_problems(config)


def _path_problems(config: Config) -> Iterator[str]:
    """Yield the overlays that no underlay can carry, as far as peers are IP addresses."""
    underlay = config.underlay
    local = None if underlay.local is None else parse_address(underlay.local)
    addresses = {
        name: address
        for overlay in config.overlays
        for name in overlay.peers
        if (address := parse_address(name)) is not None
    }
    for name, address in addresses.items():
        has_device = underlay.dev is not None or "%" in name
        if why := why_not_peer(address, has_device=has_device):
            yield f"peer {name}: {why}"
        if address == local:
            yield f"peer {name}: the local address; give the address of the other VTEP"
    versions = {name: [address.version] for name, address in addresses.items()}
    common = common_versions(underlay.local, versions)  # refuses two families
    if underlay.mtu is None:
        return
    for overlay in config.overlays:
        added = overhead(common[0] if common else 4, overlay.tags)
        if why := why_not_mtu(overlay.mtu, min(underlay.mtu, MAX_IP_PACKET), added):
            yield f"vni {overlay.vni}: {why}"


def _socket_problems(config: Config) -> Iterator[str]:
    if config.control is not None and "\0" in config.control:
        yield f"control {config.control!r}: contains a NUL character; remove it"
    length = len(os.fsencode(config.control or ""))
    if length > _SOCKET_PATH_MAX:
        yield (
            f"control {config.control}: {length} bytes long; use a path of at most "
            f"{_SOCKET_PATH_MAX}"
        )
    listening = []
    for name, example in (("web", "127.0.0.1:8789"), ("metrics", "127.0.0.1:9478")):
        place = getattr(config, name)
        if place is None or inherited_fd(place) is not None:
            continue
        try:
            address, port = address_and_port(place)
        except ValueError:
            yield f"{name} {place!r}: not an IP address and port; write for example {example}"
            continue
        if (
            name == "web"
            and not config.web_remote
            and not ipaddress.ip_address(address).is_loopback
        ):
            yield (
                f"web {place}: reachable from other hosts; use a loopback address such as "
                f"{example}, or set web-remote"
            )
        listening.append((ipaddress.ip_address(address), port))
    if len(listening) == 2 and _overlap(*listening):
        yield f"web {config.web} and metrics {config.metrics}: one address; give each its own port"


def _overlap(one: tuple[IPAddress, int], other: tuple[IPAddress, int]) -> bool:
    """Whether two sockets cannot listen at the same time; port 0 is any free one."""
    (address, port), (other_address, other_port) = one, other
    is_any = address.is_unspecified or other_address.is_unspecified
    return (
        port == other_port != 0
        and address.version == other_address.version
        and (is_any or address == other_address)
    )


def _underlay_problems(underlay: UnderlayConfig) -> Iterator[str]:
    if not 1 <= underlay.port <= 65535:
        yield f"port {underlay.port}: out of range; use 1..65535 (the port of VXLAN is {PORT})"
    first, last = underlay.srcport
    if not 1 <= first <= 65535 or not 1 <= last <= 65535:
        yield f"srcport {first} {last}: out of range; use two ports in 1..65535"
    elif first > last:
        yield (
            f"srcport {first} {last}: the first port is greater than the last; write {last} {first}"
        )
    mtu, least = underlay.mtu, MIN_MTU + overhead(4, "strip")
    if mtu is not None and mtu < least:
        yield f"underlay mtu {mtu}: leaves less than {MIN_MTU} for the overlay; use {least} or more"
    if mtu is not None and mtu > MAX_MTU:
        yield f"underlay mtu {mtu}: out of range; use at most {MAX_MTU}"
    if underlay.local is not None and parse_address(underlay.local) is None:
        yield f"local {underlay.local!r}: not an IP address; use an address of this host"


def _overlay_problems(overlay: OverlayConfig) -> Iterator[str]:
    if not 0 <= overlay.vni <= MAX_VNI:
        yield f"vni {overlay.vni}: out of range; use 0..{MAX_VNI}"
    yield from _tap_problems(overlay.tap)
    if overlay.vlan is not None and not 1 <= overlay.vlan <= 4094:
        yield f"vlan {overlay.vlan}: out of range; use 1..4094, strip or pass"
    if overlay.bridge == overlay.tap:
        yield f"bridge {overlay.bridge}: the TAP itself; give the name of a bridge"
    if overlay.bridge is not None and overlay.docker_network is not None:
        yield "bridge and docker-network: cannot be combined; remove one"
    if overlay.mtu is not None and not MIN_MTU <= overlay.mtu <= MAX_MTU:
        yield f"mtu {overlay.mtu}: out of range; use {MIN_MTU}..{MAX_MTU}"
    if not 0 < overlay.ageing < inf:
        yield f"ageing {overlay.ageing:g}: out of range; use a number of seconds greater than 0"
    if overlay.max_address < 0:
        yield f"max-address {overlay.max_address}: negative; use 0 for no limit, or more"
    for peer in overlay.peers:
        yield from _peer_problems(peer)
    if not overlay.peers and not overlay.accept_any:
        yield "peers: no peer given; add one (--peer HOST or peers = [...]), or set accept-any"


def _tap_problems(name: str) -> Iterator[str]:
    length = len(os.fsencode(name))
    if not 1 <= length <= _TAP_NAME_MAX:
        yield f"tap {name!r}: {length} bytes long; use 1..{_TAP_NAME_MAX}"
    elif name in (".", "..") or re.search(r"[\s/:%\x00-\x1f\x7f]", name):
        yield f"tap {name!r}: not a device name; remove white space and the characters / : %"


def _peer_problems(peer: str) -> Iterator[str]:
    if parse_address(peer) is not None:
        return
    host = re.fullmatch(r"\[(.+)\](:\d+)?|([^:]+):\d+", peer)
    if host:
        address = host[1] or host[3]
        yield f"peer {peer!r}: more than an address; write {address}, and set the port with --port"
    elif not re.fullmatch(r"[\w.-]+", peer) or not re.search(r"[^\d.]", peer):
        yield f"peer {peer!r}: neither an IP address nor a host name; correct it"


def _conflicts(overlay: OverlayConfig, other: OverlayConfig, name: str) -> Iterator[str]:
    """Yield the conflicts of `overlay` with `other`, an earlier one called `name`."""
    if overlay.vni == other.vni:
        yield f"VNI {overlay.vni} is already used by {name}; give each overlay its own"
    if overlay.tap != other.tap:
        return
    if "pass" in (overlay.tags, other.tags):
        yield (
            f"TAP {overlay.tap} is shared with {name}, so tags cannot pass; "
            'remove vlan = "pass", or use another TAP'
        )
    if overlay.vlan == other.vlan:
        if overlay.vlan is None:
            yield f"TAP {overlay.tap} is already used by {name}; use another, or give each a vlan"
        else:
            yield (
                f"VLAN {overlay.vlan} on TAP {overlay.tap} is already used by {name}; "
                "give each overlay its own"
            )
    for field in ("bridge", "docker_network", "mtu"):
        ours, theirs = getattr(overlay, field), getattr(other, field)
        if ours != theirs:
            yield (
                f"{field.replace('_', '-')} is {ours or 'not set'}, but {theirs or 'not set'} in "
                f"{name} on the same TAP {overlay.tap}; make them equal"
            )


def inherited_fd(place: str) -> int | None:
    """Return N of "fd:N", the descriptor of an inherited socket; None for any other text."""
    found = re.fullmatch(r"fd:(\d{1,9})", place, re.ASCII)
    return None if found is None else int(found[1])


def address_and_port(text: str) -> tuple[str, int]:
    """Return address and port of "ADDRESS:PORT", or of "[ADDRESS]:PORT" for IPv6.

    Raises:
        ValueError: the text has another form.
    """
    address, colon, port = text.rpartition(":")
    bracketed = address.startswith("[") and address.endswith("]")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError
    found = ipaddress.ip_address(address[1:-1] if bracketed else address)
    if (found.version == 6) != bracketed:
        raise ValueError
    return str(found), int(port)
