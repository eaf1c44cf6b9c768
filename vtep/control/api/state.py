"""The state of a running daemon as JSON, with the keys of `ip -j link` and `bridge -j fdb`.

Long lists are iterators; each step takes little time.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from math import inf
from typing import Any

from vtep.control.http.context import DaemonContext
from vtep.control.query import FDB_STATES, Query
from vtep.dataplane import report
from vtep.dataplane.fdb import LOCAL, FdbEntry
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import Peer
from vtep.host.link_state import LinkState, link_state
from vtep.wire.ethernet import format_mac

UP_S = 60.0
"""Seconds since its last valid frame for which a peer is up."""

Tree = dict[str, Any]


def overlays(daemon: DaemonContext) -> Iterator[Tree]:
    """Yield each overlay with the keys of a vxlan device in `ip -s -d -j link show`, and more."""
    links: dict[str, LinkState | None] = {}
    for overlay in daemon.vtep.overlays.values():
        name = overlay.port.name
        if name not in links:
            links[name] = link_state(name)
        yield _link(overlay, links[name]) | {
            "linkinfo": {"info_kind": "vxlan", "info_data": _vxlan(daemon, overlay)},
            "stats64": _stats64(overlay),
            **report.details(overlay),
            "tap_drops": report.drop_counts(overlay.port.drops),
            "underlay_drops": report.drop_counts(daemon.vtep.drops),
        }


def _link(overlay: Overlay, link: LinkState | None) -> Tree:
    """Return the present state of a TAP; one that is gone has index 0 and no flags."""
    port = overlay.port
    if link is None:
        link = LinkState(0, (), "NOTPRESENT", overlay.mtu, None, port.mac)
    return {
        "ifindex": link.index,
        "ifname": port.name,
        "flags": list(link.flags),
        "mtu": link.mtu,
        **({"master": link.master} if link.master else {}),
        "operstate": link.operstate,
        "link_type": "ether",
        "address": format_mac(link.mac),
    }


def _vxlan(daemon: DaemonContext, overlay: Overlay) -> Tree:
    runtime, underlay = daemon.runtime, daemon.config.underlay
    six = "6" if ":" in runtime.local else ""
    remotes = [peer.ip for peer in overlay.flood]
    low, high = underlay.srcport
    return {
        "id": overlay.vni,
        **({f"remote{six}": remotes[0]} if remotes else {}),
        "remotes": remotes,
        f"local{six}": runtime.local,
        **({"link": underlay.dev} if underlay.dev else {}),
        "port_range": {"low": low, "high": high},
        "port": daemon.vtep.port,
        "learning": True,
        "df": "set",
        "udp_csum": True,
        "ageing": _whole(overlay.fdb.ageing),
        "limit": overlay.fdb.max_address,
        **({"vlan": overlay.vlan} if overlay.vlan is not None else {}),
        "tags": "pass" if overlay.pass_tags else "strip",
        "clamp_mss": overlay.clamp_mss,
        "accept_any": overlay.accept_any,
    }


def _whole(seconds: float) -> float:
    """Return a number that JSON shows as the kernel does: an integer where it is whole."""
    return int(seconds) if seconds.is_integer() else seconds


def _stats64(overlay: Overlay) -> Tree:
    traffic = overlay.traffic
    return {
        "rx": {
            "bytes": traffic.rx_bytes,
            "packets": traffic.rx_frames,
            "errors": 0,  # every failure is a drop with a reason
            "dropped": overlay.rx_dropped,
        },
        "tx": {
            "bytes": traffic.tx_bytes,
            "packets": traffic.tx_frames,
            "errors": 0,
            "dropped": overlay.tx_dropped,
        },
    }


# -- peers


def peers(daemon: DaemonContext, now: float) -> Iterator[Tree]:
    """Yield every peer of every overlay."""
    for vni, overlay in daemon.vtep.overlays.items():
        for peer in list(overlay.peers.values()):
            heard = heard_ago(peer, now)
            yield {
                "vni": vni,
                "ifname": overlay.port.name,
                "ip": peer.ip,
                "state": "unheard" if heard is None else "up" if heard < UP_S else "silent",
                "origin": "configured" if peer.heard_at is None else "accepted",
                "heard": None if heard is None else round(heard, 1),
                **peer.traffic.as_dict(),
            }


def heard_ago(peer: Peer, now: float) -> float | None:
    """Return the seconds since the last valid frame from *peer*; None if there was none."""
    return None if peer.entry == -inf else now - peer.entry


# -- FDB


@dataclass(frozen=True)
class FdbFilter:
    """Which FDB entries to list, and how many at most; None: no condition."""

    vni: int | None = None
    dev: str | None = None
    dst: str | None = None
    mac: bytes | None = None
    state: str | None = None
    limit: int | None = None


def read_fdb_filter(values: Mapping[str, str]) -> FdbFilter:
    """Return the filter in a query.

    Raises:
        UsageError: a key is unknown or a value is wrong.
    """
    query = Query(values, ("dev", "vni", "dst", "mac", "state", "limit"))
    return FdbFilter(
        vni=query.vni(),
        dev=query.text("dev"),
        dst=query.address("dst", LOCAL.name),
        mac=query.mac("mac"),
        state=query.choice("state", FDB_STATES),
        limit=query.integer("limit", 0),
    )


def entries(daemon: DaemonContext, wanted: FdbFilter) -> Generator[Tree | None, None, None]:
    """Yield the entries with the keys of `bridge -j fdb show`; the table may change meanwhile.

    A None gives up the turn and is not an entry. Close the generator if it is not exhausted.
    """
    left = inf if wanted.limit is None else wanted.limit
    with closing(_entries(daemon, wanted)) as found:
        for entry in found:
            left -= entry is not None
            if left < 0:
                return
            yield entry


def _entries(daemon: DaemonContext, wanted: FdbFilter) -> Generator[Tree | None, None, None]:
    for vni, overlay in daemon.vtep.overlays.items():
        if wanted.vni not in (None, vni) or wanted.dev not in (None, overlay.port.name):
            continue
        if wanted.mac in (None, bytes(6)) and wanted.state in (None, "permanent"):
            for peer in overlay.flood:
                if wanted.dst in (None, peer.ip):
                    yield _entry(overlay, bytes(6), peer.ip, "permanent")
        if wanted.state not in (None, "dynamic"):
            continue
        if wanted.mac is not None:
            now = time.monotonic()
            found = overlay.fdb.lookup(wanted.mac, now)
            if found is not None and wanted.dst in (None, found.destination.name):
                yield _entry(overlay, wanted.mac, found.destination.name, "", now - found)
            continue
        with closing(overlay.fdb.iterate()) as walk:
            for step in walk:
                yield None if step is None else _live(overlay, *step, wanted.dst)


def _live(overlay: Overlay, mac: bytes, entry: FdbEntry, dst: str | None) -> Tree | None:
    age = time.monotonic() - entry
    if age >= overlay.fdb.ageing or dst not in (None, entry.destination.name):
        return None
    return _entry(overlay, mac, entry.destination.name, "", age)


def _entry(overlay: Overlay, mac: bytes, dst: str, state: str, age: float | None = None) -> Tree:
    return {
        "mac": format_mac(mac),
        "ifname": overlay.port.name,
        "dst": dst,
        "vni": overlay.vni,
        **({} if age is None else {"used": int(age)}),
        "flags": ["self"],
        "state": state,
    }


# -- counters


def stats(daemon: DaemonContext, now: float) -> Tree:
    """Return all counters."""
    vtep = daemon.vtep
    return {
        "time": round(time.time(), 3),
        "uptime": round(now - daemon.started, 3),
        "counters": report.counters(vtep, peers=False),
        "fdb": {str(vni): len(overlay.fdb) for vni, overlay in vtep.overlays.items()},
        "batches": {
            name: {
                "frames": batches.frames,
                "batches": sum(batches.sizes),
                "sizes": batches.sizes,
                "busy": round(batches.busy, 6),
            }
            for name, batches in (
                ("encap", daemon.forwarder.encap_stats),
                ("decap", daemon.forwarder.decap_stats),
            )
        },
        "peers": peers(daemon, now),
    }
