"""The injecting uplink: its prerequisites on the host, its device, its transports.

The prerequisites are checked before anything is forwarded: the kernel accepts GSO packets inside a
tunnel, and its routing table, source checks and firewall let them through. Missing prerequisites
are reported, and changed only with --uplink-setup. The UDP socket needs none of them and is the
fallback, at start and later.

The settings of our own device are always changed, which affects no other device. One setting of the
host matters too: net.ipv4.conf.all.rp_filter. With 2 (loose) a source passes on a device that has
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
"""Address of our device if it needs one: a loopback address, so it belongs to no other host."""

_NAME_LEN = 12
_MAX_TTL = 254
_MAX_RESOLVED = 256
"""Most peers whose path is looked up in one call: about 5 ms."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A setting of the host that blocks injected packets, and how to change and restore it."""

    words: str
    make: Callable[[], None]
    undo: Callable[[], None]


class InjectDrops(NamedTuple):
    """Injected packets that the kernel did not forward: larger than the MTU, or refused."""

    too_large: int
    refused: int


class InjectUplink:
    """An open injector, and the transports that write to it.

    Attributes:
        injector: the device that packets are written to.
        injected: packets written.
        failed: why it is no longer used; None while it is used.
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
        """Look up the paths of the next peers, and give each peer the transport for its path.

        A peer without a path, or with a path MTU that is too small, gets the socket, which counts
        the drops.
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
        """Return the outer addresses of packets to *peer*; None if it cannot be injected for."""
        way = path.find(peer.address, self._config.local, self._config.dev)
        destination = ipaddress.ip_address(str(peer.address[0]))
        if way is None or way.mtu < self._mtu or destination.is_link_local:
            return None
        port, ttl = self._config.port, min(way.ttl, _MAX_TTL)
        return Outer(self._mac, way.source, destination.packed, 0, port, ttl)

    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one packet in parts, virtio header first; return 0, or the errno."""
        error = self.injector.write(parts)
        self.injected += not error
        return error

    def on_gone(self) -> None:
        """Send to all peers by the socket: the device was set down or deleted."""
        if self.failed is None:
            self._fail(f"device {self.injector.name}: set down or deleted")

    def poll_drops(self) -> InjectDrops:
        """Return how many packets injected since the last call were not forwarded.

        Packets that the host forwards for others can hide some drops. If no packet was forwarded,
        the uplink has failed, and the socket sends to all peers.
        """
        before, self._seen = self._seen, (self.injected, *procfs.forwarding(self._is_ipv6))
        injected, sent, too_large = (new - old for new, old in zip(self._seen, before, strict=True))
        too_large = min(too_large, max(injected - sent, 0))
        refused = injected - too_large if sent <= 0 else 0
        if refused and self.failed is None:
            self._fail(
                f"device {self.injector.name}: the kernel dropped all {injected} injected packets; "
                "check the firewall (forward chains)"
            )
        return InjectDrops(too_large, refused)

    def _fail(self, why: str) -> None:
        """Send to all peers by the socket from now on, and log *why*."""
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

    The choice and its reason are logged in one line.

    Args:
        config: selects the uplink.
        plan: the peers, and the TAP whose name the device gets with "-up".
        underlay: the UDP sockets.
        net: queries and changes devices and routes.
        undo: receives the callbacks that revert the changes.
    """
    if config.uplink == "socket":
        return None
    try:
        with ExitStack() as made:
            injector, mac = _open(config, plan, net, made)
            undo.enter_context(made.pop_all())
    except HostError as error:
        write_log = log.info if config.uplink == "auto" else log.warning
        write_log(f"uplink socket, not inject: {error}")
        return None
    log.info(f"uplink inject, by device {injector.name}")
    return InjectUplink(injector, mac, config, plan, underlay)


def _open(
    config: UnderlayConfig, plan: ResolvedConfig, net: Netlink, undo: ExitStack
) -> tuple[Injector, bytes]:
    """Return the injector, set up and running, and its MAC."""
    routes = _routes(config, plan, net)
    if config.uplink == "auto":
        _check_devices(routes.values())
    is_ipv6 = plan.family == socket.AF_INET6
    name = f"{plan.taps[0].name[:_NAME_LEN]}-up"
    if net.link(name) is not None:
        raise HostError(f"device {name}: already exists; delete it (ip link del {name})")
    injector = Injector(name)
    undo.callback(injector.close)
    injector.set_up(is_ipv6)
    changes = list(_changes(name, is_ipv6, config.uplink_setup))
    if changes and not config.uplink_setup:
        needed = ", ".join(change.words for change in changes)
        raise HostError(f"this host: needs {needed}; make these changes, or use --uplink-setup")
    for change in changes:
        undo.callback(change.undo)
        try:
            change.make()
        except OSError as error:
            raise HostError(
                f"{change.words}: failed ({error.strerror}); run as root, or change it yourself"
            ) from error
    try:
        if not is_ipv6 and Sysctl(ALL_RP_FILTER, _LOOSE).is_set:
            net.add_host_address(name, _ADDRESS)
        net.set_link(name, up=True)
    except OSError as error:
        raise HostError(
            f"device {name}: cannot be set up ({error.strerror}); run as root"
        ) from error
    for destination, (source, dev) in routes.items():
        out = net.forwards(destination, source, name)
        if out != dev:
            instead = f"leave by {out}" if out else "are refused"
            raise HostError(
                f"packets from {source} to {destination}: they leave by {dev}, but injected "
                f"packets {instead}; check ip rule and ip route"
            )
    link = net.link(name)
    if link is None:
        raise HostError(f"device {name}: deleted during the setup; start vtep again")
    return injector, link.mac


def _routes(
    config: UnderlayConfig, plan: ResolvedConfig, net: Netlink
) -> dict[str, tuple[str, str]]:
    """Return the source address and the device of packets to each peer, by its address."""
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
        raise HostError("peers: none can be reached by forwarding; add a peer or a route")
    return routes


def _check_devices(routes: Iterable[tuple[str, str]]) -> None:
    """Raise if the kernel would segment in software, because then the socket is as fast."""
    for dev in sorted({dev for _, dev in routes}):
        if missing := ethtool.missing_for_tunnels(dev):
            raise HostError(
                f"device {dev}: does not segment GSO packets inside a tunnel "
                f"(no {', '.join(missing)}); use --uplink inject to inject nevertheless"
            )


def _changes(device: str, is_ipv6: bool, wanted: bool) -> Iterator[_Change]:
    """Yield the settings of the host that block injected packets.

    With *wanted* also yield those that may block them.
    """
    rp_filter = Sysctl(ALL_RP_FILTER, _LOOSE)
    if not is_ipv6 and rp_filter.current == _STRICT:
        yield _Change(f"{rp_filter} (now {_STRICT})", rp_filter.set, partial(_restore, rp_filter))
    for chain in netfilter.forward_chains(is_ipv6, device):
        if chain.refuses or wanted:
            yield _Change(
                f"a rule in {chain}: iifname {device} accept",
                partial(netfilter.accept, chain, device),
                partial(_unaccept, chain, device),
            )


def _restore(parameter: Sysctl) -> None:
    """Set rp_filter to strict again, unless another program has changed it."""
    with suppress(OSError):
        if parameter.is_set:
            Sysctl(parameter.key, _STRICT).set()


def _unaccept(chain: netfilter.ForwardChain, device: str) -> None:
    """Delete our rule; ignore errors, because its table may have been deleted."""
    with suppress(OSError):
        netfilter.unaccept(chain, device)
