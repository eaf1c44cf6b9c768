"""Resolve a Config on this host: addresses, devices and MTUs.

This module queries and changes nothing. It resolves names, looks up routes and devices, and refuses
everything that cannot work before any device is opened or created.

The MTU of a TAP: an inner packet grows by its Ethernet header (14), the VXLAN header (8), UDP (8)
and the outer IP header (20 or 40). That is 50 octets on IPv4 and 70 on IPv6, and 4 more if 802.1Q
tags pass. The MTU is the smallest path MTU to a peer minus these octets.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.config.underlay import (
    BROADCAST,
    MAX_IP_PACKET,
    common_versions,
    overhead,
    why_not_mtu,
    why_not_peer,
)
from vtep.daemon.bridge import Bridge, find_bridge
from vtep.errors import HostError, UsageError
from vtep.host.docker import DockerNetwork
from vtep.host.netlink import Netlink, Route

Address: TypeAlias = tuple[str | int, ...]

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_VERSIONS = {family: version for version, family in _FAMILIES.items()}


@dataclass(frozen=True, slots=True)
class ResolvedOverlay:
    """An overlay and its peers, each as (IP as text, socket address)."""

    config: OverlayConfig
    peers: tuple[tuple[str, Address], ...]


@dataclass(frozen=True, slots=True)
class ResolvedTap:
    """A TAP, its MTU, the bridge it becomes a port of, and the overlays on it."""

    name: str
    mtu: int
    bridge: Bridge | None
    overlays: tuple[ResolvedOverlay, ...]


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """The devices and sockets to open.

    Attributes:
        family: AF_INET or AF_INET6.
        local: underlay address of this host, for display; "0.0.0.0" or "::" if unknown.
        addresses: all IP addresses of this host.
        underlay_mtu: octets of the largest IP packet that reaches every peer.
        taps: the TAPs in the order of the Config.
    """

    family: socket.AddressFamily
    local: str
    addresses: frozenset[str]
    underlay_mtu: int
    taps: tuple[ResolvedTap, ...]


def resolve_config(
    config: Config, net: Netlink, network_of: Callable[[str], DockerNetwork]
) -> ResolvedConfig:
    """Resolve *config* on this host.

    Args:
        config: the configuration.
        net: queries devices, addresses and routes.
        network_of: finds a Docker network.

    Raises:
        HostError: the configuration cannot work on this host.
    """
    underlay = config.underlay
    local = _local(underlay)
    addresses = frozenset(net.addresses())
    names = list(dict.fromkeys(name for overlay in config.overlays for name in overlay.peers))
    _check_underlay(underlay, net)
    family, found = resolve(names, underlay, lambda dev: _family_of(dev, net))
    routes = {
        name: _checked_route(name, address, underlay, net, addresses)
        for name, address in found.items()
    }
    mtu_of = {name: _path_mtu(name, routes[name], underlay) for name in names}
    mtu_without_peers = underlay.mtu or _mtu_without_peers(underlay, mtu_of.values(), net)
    path_mtus = []
    mtus: dict[str, int] = {}
    on_tap: dict[str, list[OverlayConfig]] = {}
    for overlay in config.overlays:
        path_mtu = min((mtu_of[name] for name in overlay.peers), default=mtu_without_peers)
        mtu, path_mtu = overlay_mtu(overlay, family, path_mtu)
        path_mtus.append(path_mtu)
        mtus[overlay.tap] = min(mtu, mtus.get(overlay.tap, mtu))
        on_tap.setdefault(overlay.tap, []).append(overlay)
    taps = tuple(
        ResolvedTap(
            name=name,
            mtu=mtus[name],
            bridge=find_bridge(overlays[0], net, network_of),
            overlays=tuple(ResolvedOverlay(one, _peers(one, found)) for one in overlays),
        )
        for name, overlays in on_tap.items()
    )
    source = next((route.source for route in routes.values()), None)
    return ResolvedConfig(
        family=family,
        local=local or source or _address_of(underlay, family, net),
        addresses=addresses | ({local} if local else set()),
        underlay_mtu=min(path_mtus),
        taps=taps,
    )


# -- addresses


def resolve(
    names: Iterable[str],
    underlay: UnderlayConfig,
    family_of: Callable[[str], socket.AddressFamily | None],
) -> tuple[socket.AddressFamily, dict[str, Address]]:
    """Return the common address family, and the socket address of each name in it.

    The family is that of `local` if given. Otherwise it is the first in which every name has an
    address, in the resolver's order for the first name. Without names it is that of `dev`, or IPv4.

    Raises:
        HostError: a name does not resolve, or the names have no common family.
    """
    candidates = {name: _lookup(name, underlay) for name in names}
    versions = {name: [_VERSIONS[family] for family in found] for name, found in candidates.items()}
    try:
        common = common_versions(underlay.local, versions)
    except UsageError as error:
        raise HostError(str(error)) from None
    if common:
        family = _FAMILIES[common[0]]
    else:
        family = (underlay.dev and family_of(underlay.dev)) or socket.AF_INET
    return family, {name: by_family[family] for name, by_family in candidates.items()}


def _lookup(name: str, underlay: UnderlayConfig) -> dict[socket.AddressFamily, Address]:
    """Return the first socket address of *name* in each family, the preferred family first."""
    try:
        found = socket.getaddrinfo(name, underlay.port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a host name"
        raise HostError(
            f"peer {name}: does not resolve ({why}); correct the name, or give an IP address"
        ) from error
    by_family: dict[socket.AddressFamily, Address] = {}
    address: Any
    for family, _, _, _, address in found:
        if family in _VERSIONS:
            by_family.setdefault(family, address)
    return by_family


def _checked_route(
    name: str, address: Address, underlay: UnderlayConfig, net: Netlink, ours: frozenset[str]
) -> Route:
    """Return the route to a peer.

    Raises:
        HostError: *address* cannot be a peer, or has no route.
    """
    text = str(address[0])
    peer = f"peer {name}" if name == text else f"peer {name} ({text})"
    ip = ipaddress.ip_address(text)
    dev = underlay.dev
    if ip.version == 6 and ip.is_link_local and dev is None:
        scope = int(address[3])
        link = net.link_by_index(scope) if scope else None
        dev = None if link is None else link.name
    why = why_not_peer(ip, has_device=dev is not None)
    if why is not None:
        raise HostError(f"{peer}: {why}")
    local = _local(underlay)
    route = net.route(text, dev, local)
    if route is not None and route.kind == "broadcast":
        raise HostError(f"{peer}: {BROADCAST}")
    if text in ours or (route is not None and route.kind == "local"):
        raise HostError(f"{peer}: an address of this host; give the address of the other VTEP")
    if route is None:
        via = f" by device {underlay.dev}" if underlay.dev else ""
        source = f" from {local}" if local else ""
        raise HostError(
            f"{peer}: no route{source}{via}; add one (ip route add), or correct the peer"
        )
    return route


def _peers(overlay: OverlayConfig, found: dict[str, Address]) -> tuple[tuple[str, Address], ...]:
    """Return the peers of *overlay* by the text of their sender address; merge equal peers."""
    unique = {_sender(found[name]): found[name] for name in overlay.peers}
    return tuple(unique.items())


def _sender(address: Address) -> str:
    """Return the IP address as `Underlay.receive` does: a link-local one with %number."""
    scope = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{scope}" if scope else str(address[0])


def _check_underlay(underlay: UnderlayConfig, net: Netlink) -> None:
    if underlay.dev is not None:
        link = net.link(underlay.dev)
        if link is None:
            known = ", ".join(sorted(link.name for link in net.links()))
            raise HostError(f"dev {underlay.dev}: does not exist; use one of {known}")
        if not link.up:
            raise HostError(f"dev {link.name}: down; set it up (ip link set {link.name} up)")
    local = _local(underlay)
    if local is None or local in net.addresses():
        return
    route = net.route(local, None, None)
    if route is None or route.kind != "local":
        raise HostError(
            f"local {underlay.local}: not an address of this host; use one that ip addr shows"
        )


def _family_of(dev: str, net: Netlink) -> socket.AddressFamily | None:
    for family in _VERSIONS:
        if net.address_of(dev, family):
            return family
    return None


def _address_of(underlay: UnderlayConfig, family: socket.AddressFamily, net: Netlink) -> str:
    found = net.address_of(underlay.dev, family) if underlay.dev else None
    return found or ("::" if family == socket.AF_INET6 else "0.0.0.0")


def _local(underlay: UnderlayConfig) -> str | None:
    """Return the local address without its scope; None for any address."""
    if underlay.local is None:
        return None
    address = ipaddress.ip_address(underlay.local.partition("%")[0])
    return None if address.is_unspecified else str(address)


# -- MTU


def overlay_mtu(
    overlay: OverlayConfig, family: socket.AddressFamily, path_mtu: int | None
) -> tuple[int, int]:
    """Return the MTU of *overlay*, and the MTU of its underlay path.

    Args:
        overlay: the overlay; its `mtu`, if given, is used.
        family: address family of the underlay.
        path_mtu: octets of the largest outer IP packet; None if unknown.

    Raises:
        HostError: `mtu` does not fit the path, the path MTU is too small, or both are unknown.
    """
    added = overhead(_VERSIONS[family], overlay.tags)
    where = f"vni {overlay.vni}"
    if path_mtu is None:
        if overlay.mtu is None:
            raise HostError(
                f"{where}: the MTU is unknown without a peer; give --mtu, --dev or --local"
            )
        return overlay.mtu, overlay.mtu + added
    path_mtu = min(path_mtu, MAX_IP_PACKET)
    if why := why_not_mtu(overlay.mtu, path_mtu, added):
        raise HostError(f"{where}: {why}")
    return overlay.mtu or path_mtu - added, path_mtu


def _path_mtu(name: str, route: Route, underlay: UnderlayConfig) -> int:
    if underlay.mtu is not None and underlay.mtu > route.mtu:
        raise HostError(
            f"underlay mtu {underlay.mtu}: larger than the MTU of {route.dev} to peer {name}; "
            f"use at most {route.mtu}"
        )
    return underlay.mtu or route.mtu


def _mtu_without_peers(underlay: UnderlayConfig, others: Iterable[int], net: Netlink) -> int | None:
    """Return the path MTU to peers that are not known yet: of --dev or --local; None if unknown."""
    link = None
    local = _local(underlay)
    if underlay.dev is not None:
        link = net.link(underlay.dev)
    elif local is not None:
        link = net.link_of_address(local)
    return link.mtu if link is not None else min(others, default=None)
