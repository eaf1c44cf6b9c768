"""From a Config to open devices, and back: what is changed on the host is undone in reverse.

Each undoing is noted before its change is made, so that an exception between any two steps, a
signal's too, leaves the host as it was.
"""

import errno
import os
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from vtep.config.model import Config, UnderlayConfig
from vtep.daemon.inject import Uplink, open_uplink
from vtep.daemon.resolve import Plan, TapPlan, make_plan
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.errors import HostError
from vtep.host import docker, linux, procfs
from vtep.host.netlink import Netlink
from vtep.host.tap import Tap
from vtep.host.underlay import Underlay
from vtep.wire.flow import source_ports

_HIGH_MAC = b"\xfe"
"""A bridge takes the lowest MAC of its ports: ours is not to change that of a bridge in use."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Open devices and the Vtep between them.

    Attributes:
        vtep: what to do with frames and datagrams.
        taps: the open TAP of each access port.
        underlay: the open UDP socket.
        uplink: where whole packets are injected; None where the socket sends all.
        local: the underlay address we send from; "0.0.0.0" or "::" where it depends.
        underlay_mtu: octets of the largest IP packet towards every peer.
        bridges: the bridge each TAP was made a port of, by access port; the others are not in it.
        watched: the numbers of devices that must stay while we run, by name.
    """

    vtep: Vtep
    taps: dict[AccessPort, Tap]
    underlay: Underlay
    uplink: Uplink | None
    local: str
    underlay_mtu: int
    bridges: dict[AccessPort, str]
    watched: dict[str, int]


@contextmanager
def bring_up(config: Config) -> Iterator[Runtime]:
    """Open all that *config* names; on leaving, undo it.

    A TAP that did not exist goes away; an existing persistent one gets back the MTU, the bridge
    and the state it had, of which only what differs is changed.  Both ends use netlink: enter
    before and leave after uvloop runs.

    Raises:
        HostError: it cannot be; nothing is left behind.
    """
    with ExitStack() as undo:
        with Netlink() as net:
            plan = make_plan(config, net, docker.bridge_of)
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
                    bridges[port] = tap_plan.bridge.name
                overlays += _overlays(tap_plan, port)
            uplink = open_uplink(config.underlay, plan, underlay.ports, net, undo)
        vtep = Vtep(
            overlays,
            plan.addresses,
            config.underlay.port,
            underlay.senders,
            trust=config.underlay.trust_outer_checksum,
        )
        if uplink is not None:
            uplink.find_ways(vtep.peers())
        yield Runtime(
            vtep=vtep,
            taps=taps,
            underlay=underlay,
            uplink=uplink,
            local=plan.local,
            underlay_mtu=plan.underlay_mtu,
            bridges=bridges,
            watched={name: linux.ifindex(name) for name in _needed(config, plan)},
        )


def _needed(config: Config, plan: Plan) -> Iterator[str]:
    """Yield the devices without which we would run on deaf or cut off."""
    if config.underlay.dev is not None:
        yield config.underlay.dev
    for tap in plan.taps:
        if tap.bridge is not None:
            yield tap.bridge.name


def _overlays(plan: TapPlan, port: AccessPort) -> Iterator[Overlay]:
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


def _open_underlay(config: Config, plan: Plan, net: Netlink) -> Underlay:
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
                    f"UDP port {port} is in use by the kernel vxlan device {', '.join(kernels)}: "
                    "delete it, or use another --port"
                )
            owner = procfs.udp_owner(port)
            by = f" by {owner}" if owner else ""
            return f"UDP port {port} is in use{by}: end that, or use another --port"
        case errno.EACCES | errno.EPERM:
            return f"not permitted to use UDP port {port}: run as root, or use another --port"
        case errno.EADDRNOTAVAIL:
            return f"local {config.local} cannot be used yet: wait until ip addr shows it valid"
        case errno.EMFILE:
            return "there are too few file descriptors for our sockets: raise the limit (ulimit -n)"
        case _:
            return f"cannot open UDP port {port}: {error.strerror}"


# -- the TAPs


def _open_tap(
    plan: TapPlan, offload: Container[str], net: Netlink, undo: ExitStack
) -> tuple[Tap, bytes]:
    """Create or attach the TAP and set it as planned; return it and its MAC."""
    before = net.link(plan.name)
    if before is not None and before.kind != "tun":
        raise HostError(f"device {plan.name} exists but is no TAP: choose another --tap")
    if before is not None and before.queues:
        # The kernel would deal frames out to both of us.
        raise HostError(
            f"TAP {plan.name} is in use by another process: end that one, or choose another --tap"
        )
    tap = Tap(plan.name, vnet="vnet" in offload, tso="tso" in offload, uso="uso" in offload)
    undo.callback(tap.close)
    if before is None and plan.bridge is not None:
        _set(net, plan.name, "address", mac=_HIGH_MAC + os.urandom(5))
    link = net.link(plan.name)
    if link is None:
        raise HostError(f"TAP {plan.name} vanished while it was set up: do not delete it")

    def on_leaving(put_back: Callable[[], None]) -> None:
        if before is not None:  # one that we made is gone then
            undo.callback(put_back)

    if link.mtu != plan.mtu:
        on_leaving(partial(_put_back, plan.name, mtu=link.mtu))
        _set(net, plan.name, f"mtu {plan.mtu}", mtu=plan.mtu)
    if plan.bridge is not None and plan.bridge.index != link.master:
        on_leaving(partial(_put_back, plan.name, master=link.master or 0))
        _set(net, plan.name, f"master {plan.bridge.name}", master=plan.bridge.index)
    if not link.up:
        on_leaving(partial(_put_back, plan.name, up=False))
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
    """Change one thing of device *name*; *words* say it as ip link would."""
    try:
        net.set_link(name, mtu=mtu, up=up, master=master, mac=mac)
    except OSError as error:
        hint = "correct that"
        if error.errno in (errno.EPERM, errno.EACCES):
            hint = "run as root or with CAP_NET_ADMIN, or have that done beforehand"
        raise HostError(
            f"cannot do 'ip link set {name} {words}' ({error.strerror}): {hint}"
        ) from error


def _put_back(
    name: str, mtu: int | None = None, up: bool | None = None, master: int | None = None
) -> None:
    """Set what _set changed to what it was; the device or its bridge may be gone by now."""
    with suppress(OSError), Netlink() as net:
        net.set_link(name, mtu=mtu, up=up, master=master)
