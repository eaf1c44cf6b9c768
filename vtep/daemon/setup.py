"""Open the devices of a Config; revert every change on the host in reverse order at exit.

The callback that reverts a change is registered before the change is made. So an exception or a
signal between any two steps leaves the host as it was.
"""

import errno
import os
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from vtep.config.model import Config, UnderlayConfig
from vtep.daemon.bridge import mtu_warning
from vtep.daemon.inject import InjectUplink, open_uplink
from vtep.daemon.resolve import ResolvedConfig, ResolvedTap, resolve_config
from vtep.daemon.socket_transport import SocketTransport
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.dataplane.worker import Worker
from vtep.errors import HostError
from vtep.host import docker, linux, procfs
from vtep.host.netlink import Netlink
from vtep.host.tap import Tap
from vtep.host.underlay import Underlay
from vtep.wire.flow import source_ports

_HIGH_MAC = b"\xfe"
"""A bridge takes the lowest MAC of its ports; this first octet keeps ours from being the lowest."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Open devices, and the tables and the worker between them.

    Attributes:
        vtep: the tables.
        worker: forwards frames by the tables.
        taps: the open TAP of each access port.
        underlay: the open UDP sockets.
        uplink: where whole packets are injected; None if the sockets send everything.
        local: underlay address of this host; "0.0.0.0" or "::" if it depends on the route.
        underlay_mtu: octets of the largest IP packet that reaches every peer.
        bridges: the bridge of each access port whose TAP was made a port of one.
        watched: interface indexes, by name, of the devices that must stay while we run.
        warnings: restrictions that the user should know of at start.
    """

    vtep: Vtep
    worker: Worker
    taps: dict[AccessPort, Tap]
    underlay: Underlay
    uplink: InjectUplink | None
    local: str
    underlay_mtu: int
    bridges: dict[AccessPort, str]
    watched: dict[str, int]
    warnings: tuple[str, ...]


@contextmanager
def bring_up(config: Config) -> Iterator[Runtime]:
    """Open all devices that *config* names; on exit, close them and revert all changes.

    A TAP that did not exist is removed. An existing persistent TAP gets back its MTU, bridge and
    state. Entry and exit use netlink: enter before and exit after uvloop runs.

    Raises:
        HostError: a device cannot be opened or set up; all changes are reverted.
    """
    with ExitStack() as undo:
        with Netlink() as net:
            plan = resolve_config(config, net, docker.find_network)
            underlay = _open_underlay(config, plan, net)
            undo.callback(underlay.close)
            taps: dict[AccessPort, Tap] = {}
            bridges: dict[AccessPort, str] = {}
            overlays: list[Overlay] = []
            for tap_plan in plan.taps:
                tap, mac = _open_tap(tap_plan, config.offload, net, undo)
                port = AccessPort(
                    name=tap_plan.name,
                    mac=mac,
                    takes_tso=tap.vnet_header,
                    takes_uso=tap.takes_uso,
                )
                taps[port] = tap
                if tap_plan.bridge is not None:
                    bridges[port] = tap_plan.bridge.link.name
                overlays += _overlays(tap_plan, port)
            uplink = open_uplink(config.underlay, plan, underlay, net, undo)
        vtep = Vtep(overlays, plan.addresses, config.underlay.port)
        transport = SocketTransport(underlay, vtep.invalidate)
        vtep.use_transport(transport)
        if uplink is not None:
            uplink.serve(vtep, transport)
        yield Runtime(
            vtep=vtep,
            worker=Worker(vtep, underlay.senders, trust=config.underlay.trust_outer_checksum),
            taps=taps,
            underlay=underlay,
            uplink=uplink,
            local=plan.local,
            underlay_mtu=plan.underlay_mtu,
            bridges=bridges,
            watched={name: linux.ifindex(name) for name in _needed(config, plan)},
            warnings=tuple(_warnings(plan)),
        )


def _needed(config: Config, plan: ResolvedConfig) -> Iterator[str]:
    """Yield the devices we cannot run without."""
    if config.underlay.dev is not None:
        yield config.underlay.dev
    for tap in plan.taps:
        if tap.bridge is not None:
            yield tap.bridge.link.name


def _warnings(plan: ResolvedConfig) -> Iterator[str]:
    for tap in plan.taps:
        if tap.bridge is not None:
            clamp_mss = all(overlay.config.clamp_mss for overlay in tap.overlays)
            line = mtu_warning(tap.bridge, tap.name, tap.mtu, clamp_mss)
            if line is not None:
                yield line


def _overlays(plan: ResolvedTap, port: AccessPort) -> Iterator[Overlay]:
    for overlay in plan.overlays:
        config = overlay.config
        yield Overlay(
            vni=config.vni,
            port=port,
            peers=overlay.peers,
            mtu=plan.mtu,
            vlan=config.vlan,
            tags=config.tags,
            ageing=config.ageing,
            max_address=config.max_address,
            clamp_mss=config.clamp_mss,
            accept_any=config.accept_any,
        )


# -- the UDP socket


def _open_underlay(config: Config, plan: ResolvedConfig, net: Netlink) -> Underlay:
    underlay = config.underlay
    try:
        return Underlay(
            plan.family,
            underlay.local,
            underlay.port,
            underlay.dev,
            () if underlay.srcport == (underlay.port,) * 2 else source_ports(*underlay.srcport),
            segment="segment" in config.offload,
            gro="gro" in config.offload,
        )
    except OSError as error:
        raise HostError(_why_no_socket(error, underlay, net)) from error


def _why_no_socket(error: OSError, config: UnderlayConfig, net: Netlink) -> str:
    port = config.port
    match error.errno:
        case errno.EADDRINUSE:
            if kernels := net.vxlan_on_port(port):
                return (
                    f"UDP port {port}: in use by the kernel vxlan device {', '.join(kernels)}; "
                    "delete it, or use another --port"
                )
            owner = procfs.udp_owner(port)
            by = f" by {owner}" if owner else ""
            return f"UDP port {port}: in use{by}; stop that process, or use another --port"
        case errno.EACCES | errno.EPERM:
            return f"UDP port {port}: not permitted; run as root, or use another --port"
        case errno.EADDRNOTAVAIL:
            return f"local {config.local}: not valid yet; wait until ip addr shows it as valid"
        case errno.EMFILE:
            return "UDP sockets: too few file descriptors; raise the limit (ulimit -n)"
        case _:
            return f"UDP port {port}: cannot be opened ({error.strerror}); use another --port"


# -- the TAPs


def _open_tap(
    plan: ResolvedTap, offload: Container[str], net: Netlink, undo: ExitStack
) -> tuple[Tap, bytes]:
    """Create or attach the TAP, and set MTU, bridge and state; return it and its MAC."""
    before = net.link(plan.name)
    if before is not None and before.kind != "tun":
        raise HostError(f"device {plan.name}: exists, but is not a TAP; use another --tap")
    if before is not None and before.queues:
        # The kernel would distribute frames to both processes.
        raise HostError(
            f"TAP {plan.name}: in use by another process; stop that one, or use another --tap"
        )
    tap = Tap(plan.name, vnet="vnet" in offload, tso="tso" in offload, uso="uso" in offload)
    undo.callback(tap.close)
    if before is None and plan.bridge is not None:
        _set(net, plan.name, "address", mac=_HIGH_MAC + os.urandom(5))
    link = net.link(plan.name)
    if link is None:
        raise HostError(f"TAP {plan.name}: deleted during the setup; start vtep again")

    def on_exit(restore: Callable[[], None]) -> None:
        if before is not None:  # a TAP that we created is deleted at exit
            undo.callback(restore)

    if link.mtu != plan.mtu:
        on_exit(partial(_restore, plan.name, mtu=link.mtu))
        _set(net, plan.name, f"mtu {plan.mtu}", mtu=plan.mtu)
    if plan.bridge is not None and plan.bridge.link.index != link.master:
        on_exit(partial(_restore, plan.name, master=link.master or 0))
        _set(net, plan.name, f"master {plan.bridge.link.name}", master=plan.bridge.link.index)
    if not link.up:
        on_exit(partial(_restore, plan.name, up=False))
        _set(net, plan.name, "up", up=True)
    return tap, link.mac


def _set(
    net: Netlink,
    name: str,
    words: str,
    mtu: int | None = None,
    up: bool | None = None,
    master: int | None = None,
    mac: bytes | None = None,
) -> None:
    """Change one attribute of device *name*; *words* are the arguments of ip link set."""
    try:
        net.set_link(name, mtu=mtu, up=up, master=master, mac=mac)
    except OSError as error:
        hint = "check the device and its bridge"
        if error.errno in (errno.EPERM, errno.EACCES):
            hint = "run as root or with CAP_NET_ADMIN, or run that command before vtep"
        raise HostError(f"ip link set {name} {words}: failed ({error.strerror}); {hint}") from error


def _restore(
    name: str, mtu: int | None = None, up: bool | None = None, master: int | None = None
) -> None:
    """Restore an attribute that _set changed; the device or its bridge may be gone by now."""
    with suppress(OSError), Netlink() as net:
        net.set_link(name, mtu=mtu, up=up, master=master)
