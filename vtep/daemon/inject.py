"""How datagrams leave: by the UDP socket, or as whole packets injected for the kernel to forward.

What injecting needs is found out here, before anything is forwarded: the kernel takes the packets,
the routing table, the source checks and the forward policy of the firewall let them through.  What
is missing is named, and set only on request; the socket, which needs none of it, is the fallback,
then as well as later.

Our own device is always set as needed, which changes nothing for others.  One thing of the host's
may be in the way: net.ipv4.conf.all.rp_filter.  With 2 (loose) a source passes on a device that has
an address of its own, so ours gets one; with 1 (strict) it passes on no device but the underlay's.
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
from vtep.daemon.resolve import Plan
from vtep.dataplane.peer import Peer
from vtep.errors import HostError
from vtep.host import ethtool, netfilter, path, procfs
from vtep.host.injector import Injector
from vtep.host.netlink import Netlink
from vtep.host.sysctl import Sysctl
from vtep.offload.inject import Envelopes
from vtep.wire.outer import Outer

ALL_RP_FILTER = "net/ipv4/conf/all/rp_filter"
_STRICT, _LOOSE = "1", "2"
_ADDRESS = "127.86.84.69"
"""Ours where a device needs any: one of the loopback network, so that no other host is meant."""

_NAME_LEN = 12
_MAX_TTL = 254
_SWEEP = 256
"""Most peers whose way is looked up again in one turn: about 5 ms."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Something of the host that is in the way, and how it is changed and put back."""

    words: str
    make: Callable[[], None]
    undo: Callable[[], None]


class Lost(NamedTuple):
    """Injected packets that the kernel did not forward: for the MTU, or for something else."""

    too_large: int
    refused: int


class Uplink:
    """An injector that is ready, and the ways from it to the peers.

    Attributes:
        injector: where packets are written.
        injected: how many were; to be counted by who writes them.
        failed: why it is not used any more; None while it is.
    """

    def __init__(
        self,
        injector: Injector,
        mac: bytes,
        config: UnderlayConfig,
        plan: Plan,
        ports: Sequence[int],
    ) -> None:
        self.injector = injector
        self.injected = 0
        self.failed: str | None = None
        self._mac = mac
        self._config = config
        self._ports = ports
        self._mtu = plan.underlay_mtu
        self._is_ipv6 = plan.family == socket.AF_INET6
        self._to_sweep: list[Peer] = []
        self._seen = (0, *procfs.forwarding(self._is_ipv6))

    def find_ways(self, peers: Iterable[Peer]) -> None:
        """Give some of *peers*, the next ones in each call, the envelopes of the way to them now.

        A peer without a way, or with one that is too narrow, is left to the socket, which knows
        what to say of that.
        """
        if not self._to_sweep:
            self._to_sweep = list(peers)
        for peer in self._to_sweep[-_SWEEP:]:
            outer = self._outer(peer) if self.failed is None else None
            if outer is None:
                peer.envelopes = None
            elif peer.envelopes is None or peer.envelopes.way != outer:
                peer.envelopes = Envelopes(outer, self._ports)
        del self._to_sweep[-_SWEEP:]

    def _outer(self, peer: Peer) -> Outer | None:
        """Return from where to where packets to *peer* go now."""
        way = path.find(peer.address, self._config.local, self._config.dev)
        destination = ipaddress.ip_address(str(peer.address[0]))
        if way is None or way.mtu < self._mtu or destination.is_link_local:
            return None
        port, ttl = self._config.port, min(way.ttl, _MAX_TTL)
        return Outer(self._mac, way.source, destination.packed, 0, port, ttl)

    def lost(self, peers: Iterable[Peer]) -> Lost:
        """Return how many packets injected since the last call were not forwarded, and why.

        Packets that the host forwards for others can hide some.  When none at all went through, the
        uplink has failed, and *peers*, all there are, are left to the socket.
        """
        before, self._seen = self._seen, (self.injected, *procfs.forwarding(self._is_ipv6))
        injected, sent, too_large = (new - old for new, old in zip(self._seen, before, strict=True))
        too_large = min(too_large, max(injected - sent, 0))
        refused = injected - too_large if sent <= 0 else 0
        if refused and self.failed is None:
            self.fail(
                f"the kernel forwarded none of {injected} packets injected by "
                f"{self.injector.name}, because of a firewall perhaps",
                peers,
            )
        return Lost(too_large, refused)

    def fail(self, why: str, peers: Iterable[Peer]) -> None:
        """Leave *peers*, all there are, to the socket from now on, and say so."""
        self.failed = why
        for peer in peers:
            peer.envelopes = None
        log.warning(f"uplink socket from now on: {why}")


def open_uplink(
    config: UnderlayConfig, plan: Plan, ports: Sequence[int], net: Netlink, undo: ExitStack
) -> Uplink | None:
    """Return the injecting uplink if *config* wants it and it works here; None for the socket.

    One line in the log says which, and why.

    Args:
        config: what is wanted.
        plan: the peers, and the TAP after which the device is named.
        ports: the source port of each lane.
        net: to ask and to set.
        undo: takes what undoes the changes.
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
    return Uplink(injector, mac, config, plan, ports)


def _open(
    config: UnderlayConfig, plan: Plan, net: Netlink, undo: ExitStack
) -> tuple[Injector, bytes]:
    """Return the injector, ready, and its MAC."""
    ways = _ways(config, plan, net)
    if config.uplink == "auto":
        _check_devices(ways.values())
    is_ipv6 = plan.family == socket.AF_INET6
    name = f"{plan.taps[0].name[:_NAME_LEN]}-up"
    if net.link(name) is not None:
        raise HostError(f"there is a device {name} already: delete it (ip link del {name})")
    injector = Injector(name)
    undo.callback(injector.close)
    injector.set_up(is_ipv6)
    changes = list(_changes(name, is_ipv6, config.uplink_setup))
    if changes and not config.uplink_setup:
        needed = ", ".join(change.words for change in changes)
        raise HostError(f"it needs {needed}: set that, or let --uplink-setup do it")
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
    for destination, (source, dev) in ways.items():
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


def _ways(config: UnderlayConfig, plan: Plan, net: Netlink) -> dict[str, tuple[str, str]]:
    """Return from where and by which device the socket's packets go to each peer."""
    ways = {}
    for tap in plan.taps:
        for overlay in tap.overlays:
            for _, address in overlay.peers:
                destination = str(address[0])
                if ipaddress.ip_address(destination).is_link_local:
                    continue
                local = config.local.partition("%")[0] if config.local else None
                route = net.route(destination, config.dev, local)
                if route is not None and route.source is not None:
                    ways[destination] = (route.source, route.dev)
    if not ways:
        raise HostError("no peer is configured to which the kernel could forward")
    return ways


def _check_devices(ways: Iterable[tuple[str, str]]) -> None:
    """Raise unless injecting pays: where the kernel must cut in software, the socket is as good."""
    for dev in sorted({dev for _, dev in ways}):
        if missing := ethtool.missing_for_tunnels(dev):
            raise HostError(
                f"{dev} does not cut super-frames inside a tunnel by itself: "
                f"it lacks {', '.join(missing)}"
            )


def _changes(device: str, is_ipv6: bool, wanted: bool) -> Iterator[_Change]:
    """Yield what of the host is in the way; with *wanted* also what only might be."""
    rp_filter = Sysctl(ALL_RP_FILTER, _LOOSE)
    if not is_ipv6 and rp_filter.current == _STRICT:
        yield _Change(
            f"{rp_filter} (it is {_STRICT})", rp_filter.set, partial(_put_back, rp_filter)
        )
    for chain in netfilter.forward_chains(is_ipv6, device):
        if chain.refuses or wanted:
            yield _Change(
                f"a rule in {chain}: iifname {device} accept",
                partial(netfilter.accept, chain, device),
                partial(_unaccept, chain, device),
            )


def _put_back(parameter: Sysctl) -> None:
    """Set what was strict to that again, unless somebody else has set it meanwhile."""
    with suppress(OSError):
        if parameter.is_set:
            Sysctl(parameter.key, _STRICT).set()


def _unaccept(chain: netfilter.ForwardChain, device: str) -> None:
    """Take our rule away; its table may be gone by now."""
    with suppress(OSError):
        netfilter.unaccept(chain, device)
