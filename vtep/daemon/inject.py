"""The injecting uplink: its prerequisites on the host, its device, its transports.

The conditions are checked before anything is forwarded: the kernel takes such packets, and the
routing table, the source checks and the forward policy of the firewall let them through. Missing
prerequisites are reported, and changed only with --uplink-setup. The UDP socket needs none of them
and is the fallback, at start and later.

Our own device is always set up as needed, which affects no other device. One setting of the host
can be in the way: net.ipv4.conf.all.rp_filter. With 2 (loose) a source passes on a device that has
an address of its own, so ours gets one. With 1 (strict) it passes only on the underlay device.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from vtep import log
from vtep.config.model import UnderlayConfig
from vtep.daemon.inject_transport import InjectTransport
from vtep.daemon.resolve import ResolvedConfig
from vtep.dataplane.peer import NO_TRANSPORT, Peer, Transport
from vtep.dataplane.vtep import Vtep
from vtep.errors import HostError
from vtep.host import ethtool, netfilter, path, procfs
from vtep.host.injector import Injector
from vtep.host.linux import Buffer
from vtep.host.netlink import Netlink
from vtep.host.sysctl import Sysctl
from vtep.host.underlay import Underlay
from vtep.wire.outer import Outer

ALL_RP_FILTER = "net/ipv4/conf/all/rp_filter"
_STRICT, _LOOSE = "1", "2"
_ADDRESS = "127.86.84.69"
"""Our address where a device needs one: of the loopback network, so it names no other host."""

_NAME_LEN = 12
_MAX_TTL = 254
_MAX_RESOLVED = 256
"""Most peers whose path is looked up in one call: about 5 ms."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A setting of the host that is in the way, and how it is changed and restored."""

    words: str
    make: Callable[[], None]
    undo: Callable[[], None]


class InjectDrops(NamedTuple):
    """Injected packets that the kernel did not forward: larger than the MTU, or refused."""

    too_large: int
    refused: int


class InjectUplink:
    """An injector that is ready, and the transports that write to it.

    Attributes:
        injector: the device that packets are written to.
        injected: packets written.
        failed: why it is not used any more; None while it is used.
    """

    def __init__(
        self,
        injector: Injector,
        mac: bytes,
        config: UnderlayConfig,
        plan: ResolvedConfig,
        underlay: Underlay,
    ) -> None:
        self.injector = injector
        self.injected = 0
        self.failed: str | None = None
        self._mac = mac
        self._config = config
        self._underlay = underlay
        self._mtu = plan.underlay_mtu
        self._is_ipv6 = plan.family == socket.AF_INET6
        self._vtep: Vtep | None = None
        self._socket: Transport = NO_TRANSPORT
        self._to_resolve: list[Peer] = []
        self._seen = (0, *procfs.forwarding(self._is_ipv6))

    def serve(self, vtep: Vtep, fallback: Transport) -> None:
        """Inject for the peers of *vtep*, and leave the others to *fallback*, the socket."""
        self._vtep, self._socket = vtep, fallback
        self.resolve_peers()

    def resolve_peers(self) -> None:
        """Give some peers, the next ones in each call, the transport of the path to them now.

        A peer without a path, or with a too narrow one, gets the socket, which counts and reports
        that.
        """
        vtep = self._vtep
        if vtep is None:
            return
        if not self._to_resolve:
            self._to_resolve = list(vtep.peers())
        for peer in self._to_resolve[-_MAX_RESOLVED:]:
            outer = self._outer(peer) if self.failed is None else None
            before = peer.transport
            if outer is None:
                peer.transport = self._socket
            elif not isinstance(before, InjectTransport) or before.outer != outer:
                underlay = self._underlay
                peer.transport = InjectTransport(self, outer, underlay.ports, underlay.segments)
            if peer.transport is not before:
                vtep.invalidate()
        del self._to_resolve[-_MAX_RESOLVED:]

    def _outer(self, peer: Peer) -> Outer | None:
        """Return source and destination of packets to *peer* now."""
        way = path.find(peer.address, self._config.local, self._config.dev)
        destination = ipaddress.ip_address(str(peer.address[0]))
        if way is None or way.mtu < self._mtu or destination.is_link_local:
            return None
        port, ttl = self._config.port, min(way.ttl, _MAX_TTL)
        return Outer(self._mac, way.source, destination.packed, 0, port, ttl)

    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one packet in parts, its virtio header in front; return 0, or the errno."""
        error = self.injector.write(parts)
        self.injected += not error
        return error

    def on_gone(self) -> None:
        """Leave all peers to the socket: the device was set down or deleted."""
        if self.failed is None:
            self._fail(f"{self.injector.name} was set down or deleted")

    def poll_drops(self) -> InjectDrops:
        """Return how many packets injected since the last call were not forwarded.

        Packets that the host forwards for others can hide some. If none was forwarded at all, the
        uplink has failed, and all peers are left to the socket.
        """
        before, self._seen = self._seen, (self.injected, *procfs.forwarding(self._is_ipv6))
        injected, sent, too_large = (new - old for new, old in zip(self._seen, before, strict=True))
        too_large = min(too_large, max(injected - sent, 0))
        refused = injected - too_large if sent <= 0 else 0
        if refused and self.failed is None:
            self._fail(
                f"the kernel forwarded none of {injected} packets injected by "
                f"{self.injector.name}; a firewall may drop them"
            )
        return InjectDrops(too_large, refused)

    def _fail(self, why: str) -> None:
        """Leave all peers to the socket from now on, and log why."""
        self.failed = why
        if self._vtep is not None:
            for peer in self._vtep.peers():
                peer.transport = self._socket
            self._vtep.invalidate()
        log.warning(f"uplink socket from now on: {why}")


def open_uplink(
    config: UnderlayConfig, plan: ResolvedConfig, underlay: Underlay, net: Netlink, undo: ExitStack
) -> InjectUplink | None:
    """Return the injecting uplink if *config* selects it and it works here; None for the socket.

    One line in the log says which, and why.

    Args:
        config: which uplink to use.
        plan: the peers, and the TAP that gives the device its name.
        underlay: the UDP sockets.
        net: queries and changes devices and routes.
        undo: gets the callbacks that revert the changes.
    """
    if config.uplink == "socket":
        return None
    try:
        with ExitStack() as made:
            injector, mac = _open(config, plan, net, made)
            undo.enter_context(made.pop_all())
    except HostError as error:
        say = log.info if config.uplink == "auto" else log.warning
        say(f"uplink socket, not inject: {error}")
        return None
    log.info(f"uplink inject, by device {injector.name}")
    return InjectUplink(injector, mac, config, plan, underlay)


def _open(
    config: UnderlayConfig, plan: ResolvedConfig, net: Netlink, undo: ExitStack
) -> tuple[Injector, bytes]:
    """Return the injector, ready, and its MAC."""
    routes = _routes(config, plan, net)
    if config.uplink == "auto":
        _check_devices(routes.values())
    is_ipv6 = plan.family == socket.AF_INET6
    name = f"{plan.taps[0].name[:_NAME_LEN]}-up"
    if net.link(name) is not None:
        raise HostError(f"device {name} exists already: delete it (ip link del {name})")
    injector = Injector(name)
    undo.callback(injector.close)
    injector.set_up(is_ipv6)
    changes = list(_changes(name, is_ipv6, config.uplink_setup))
    if changes and not config.uplink_setup:
        needed = ", ".join(change.words for change in changes)
        raise HostError(f"it needs {needed}: set that, or use --uplink-setup")
    for change in changes:
        undo.callback(change.undo)
        try:
            change.make()
        except OSError as error:
            raise HostError(f"cannot set {change.words} ({error.strerror})") from error
    try:
        if not is_ipv6 and Sysctl(ALL_RP_FILTER, _LOOSE).is_set:
            net.add_host_address(name, _ADDRESS)
        net.set_link(name, up=True)
    except OSError as error:
        raise HostError(f"cannot set {name} up ({error.strerror})") from error
    for destination, (source, dev) in routes.items():
        out = net.forwards(destination, source, name)
        if out != dev:
            instead = f"sends them by {out}" if out else "refuses them"
            raise HostError(
                f"packets from {source} to {destination} leave by {dev}, "
                f"but when injected the kernel {instead}: see ip rule and ip route"
            )
    link = net.link(name)
    if link is None:
        raise HostError(f"device {name} vanished while it was set up: do not delete it")
    return injector, link.mac


def _routes(
    config: UnderlayConfig, plan: ResolvedConfig, net: Netlink
) -> dict[str, tuple[str, str]]:
    """Return the source address and the device of the socket's packets to each peer."""
    routes = {}
    for tap in plan.taps:
        for overlay in tap.overlays:
            for _, address in overlay.peers:
                destination = str(address[0])
                if ipaddress.ip_address(destination).is_link_local:
                    continue
                local = config.local.partition("%")[0] if config.local else None
                route = net.route(destination, config.dev, local)
                if route is not None and route.source is not None:
                    routes[destination] = (route.source, route.dev)
    if not routes:
        raise HostError(
            "the kernel can forward to none of the configured peers: add a peer or a route"
        )
    return routes


def _check_devices(routes: Iterable[tuple[str, str]]) -> None:
    """Raise unless injecting pays: if the kernel segments in software, the socket is as fast."""
    for dev in sorted({dev for _, dev in routes}):
        if missing := ethtool.missing_for_tunnels(dev):
            raise HostError(
                f"{dev} does not segment GSO packets inside a tunnel: it lacks {', '.join(missing)}"
            )


def _changes(device: str, is_ipv6: bool, wanted: bool) -> Iterator[_Change]:
    """Yield the settings of the host that are in the way; with *wanted* also those that may be."""
    rp_filter = Sysctl(ALL_RP_FILTER, _LOOSE)
    if not is_ipv6 and rp_filter.current == _STRICT:
        yield _Change(f"{rp_filter} (it is {_STRICT})", rp_filter.set, partial(_restore, rp_filter))
    for chain in netfilter.forward_chains(is_ipv6, device):
        if chain.refuses or wanted:
            yield _Change(
                f"a rule in {chain}: iifname {device} accept",
                partial(netfilter.accept, chain, device),
                partial(_unaccept, chain, device),
            )


def _restore(parameter: Sysctl) -> None:
    """Make rp_filter strict again, unless it was changed meanwhile."""
    with suppress(OSError):
        if parameter.is_set:
            Sysctl(parameter.key, _STRICT).set()


def _unaccept(chain: netfilter.ForwardChain, device: str) -> None:
    """Delete our rule; its table may be gone by now."""
    with suppress(OSError):
        netfilter.unaccept(chain, device)
