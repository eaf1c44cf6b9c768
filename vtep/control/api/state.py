"""The state of a running daemon as JSON, in the words of `ip -j link` and `bridge -j fdb`.

What may be long is an iterator, each step of which takes little time.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from math import inf
from typing import Any

from vtep.control.http.context import Subject
from vtep.dataplane import report
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import FdbEntry, Peer
from vtep.errors import UsageError
from vtep.host import linux
from vtep.wire.ethernet import format_mac, parse_mac

UP_S = 60.0
"""A peer that was heard within this time is up."""

Tree = dict[str, Any]


def overlays(subject: Subject) -> Iterator[Tree]:
    """Yield each overlay as `ip -s -d -j link show` has a vxlan device, and what else we know."""
    for overlay in subject.vtep.overlays.values():
        yield _link(subject, overlay) | {
            "linkinfo": {"info_kind": "vxlan", "info_data": _vxlan(subject, overlay)},
            "stats64": _stats64(overlay),
            **report.details(overlay),
            "tap_drops": report.drop_counts(overlay.port.drops),
            "underlay_drops": report.drop_counts(subject.vtep.inbound.drops),
        }


def _link(subject: Subject, overlay: Overlay) -> Tree:
    port = overlay.port
    flags = linux.interface_flags(port.name)
    up, runtime = flags & linux.IFF_UP, flags & linux.IFF_RUNNING
    master = subject.runtime.bridges.get(port)
    return {
        "ifindex": linux.ifindex(port.name),
        "ifname": port.name,
        "flags": [
            *(["NO-CARRIER"] if up and not runtime else []),
            *["BROADCAST", "MULTICAST"],
            *(["UP"] if up else []),
            *(["LOWER_UP"] if runtime else []),
        ],
        "mtu": overlay.mtu,
        **({"master": master} if master else {}),
        "operstate": "UNKNOWN" if runtime else "DOWN",  # as the kernel has it of a TAP
        "link_type": "ether",
        "address": format_mac(port.mac),
    }


def _vxlan(subject: Subject, overlay: Overlay) -> Tree:
    runtime, underlay = subject.runtime, subject.config.underlay
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
        "port": subject.vtep.port,
        "learning": True,
        "df": "set",
        "udp_csum": True,
        "ageing": overlay.fdb.ageing,
        "limit": overlay.fdb.max_address,
        **({"vlan": overlay.vlan} if overlay.vlan is not None else {}),
        "tags": "pass" if overlay.pass_tags else "strip",
        "clamp_mss": overlay.clamp_mss,
        "accept_any": overlay.accept_any,
    }


def _stats64(overlay: Overlay) -> Tree:
    traffic = overlay.traffic
    return {
        "rx": {"bytes": traffic.rx_bytes, "packets": traffic.rx_frames},
        "tx": {"bytes": traffic.tx_bytes, "packets": traffic.tx_frames},
    }


# -- peers


def peers(subject: Subject, now: float) -> Iterator[Tree]:
    """Yield every peer of every overlay."""
    for vni, overlay in subject.vtep.overlays.items():
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
    """Return the seconds since a good frame came from *peer*; None if none ever did."""
    return None if peer.entry == -inf else now - peer.entry


# -- FDB


@dataclass(frozen=True)
class Wanted:
    """Which entries are wanted, and how many at most; None for all.

    Raises:
        ConfigError: of `of`, for what cannot be wanted.
    """

    vni: int | None = None
    dev: str | None = None
    dst: str | None = None
    mac: bytes | None = None
    limit: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wanted":
        """Read the query of a request."""
        unknown = query.keys() - {"vni", "dev", "dst", "mac", "limit"}
        if unknown:
            raise UsageError(f"unknown {min(unknown)!r}: use vni, dev, dst, mac and limit")
        vni, limit = (_number(query, name) for name in ("vni", "limit"))
        try:
            mac = parse_mac(query["mac"]) if "mac" in query else None
        except ValueError:
            raise UsageError(f"mac {query['mac']!r} is no MAC address") from None
        return cls(vni, query.get("dev"), query.get("dst"), mac, limit)


def _number(query: Mapping[str, str], name: str) -> int | None:
    try:
        return int(query[name], 0) if name in query else None
    except ValueError:
        raise UsageError(f"{name} {query[name]!r} is no number") from None


def entries(subject: Subject, wanted: Wanted) -> Generator[Tree | None, None, None]:
    """Yield the entries as `bridge -j fdb show` has them, over a time in which they may change.

    None comes where there is nothing to tell yet.  To be closed if not used up.
    """
    left = inf if wanted.limit is None else wanted.limit
    with closing(_entries(subject, wanted)) as found:
        for entry in found:
            left -= entry is not None
            if left < 0:
                return
            yield entry


def _entries(subject: Subject, wanted: Wanted) -> Generator[Tree | None, None, None]:
    for vni, overlay in subject.vtep.overlays.items():
        if wanted.vni not in (None, vni) or wanted.dev not in (None, overlay.port.name):
            continue
        if wanted.mac in (None, bytes(6)):
            for peer in overlay.flood:
                if wanted.dst in (None, peer.ip):
                    yield _entry(overlay, bytes(6), peer.ip, "permanent")
        if wanted.mac is not None:
            found = overlay.fdb.entry(wanted.mac, time.monotonic())
            if found is not None and wanted.dst in (None, found[0].ip):
                yield _entry(overlay, wanted.mac, found[0].ip, "", found[1])
            continue
        with closing(overlay.fdb.walk()) as walk:
            for step in walk:
                yield None if step is None else _live(overlay, *step, wanted.dst)


def _live(overlay: Overlay, mac: bytes, entry: FdbEntry, dst: str | None) -> Tree | None:
    age = time.monotonic() - entry
    if age >= overlay.fdb.ageing or dst not in (None, entry.peer.ip):
        return None
    return _entry(overlay, mac, entry.peer.ip, "", age)


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


def stats(subject: Subject, now: float) -> Tree:
    """Return all counters."""
    vtep = subject.vtep
    return {
        "time": round(time.time(), 3),
        "uptime": round(now - subject.started, 3),
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
                ("encap", subject.forwarder.encap),
                ("decap", subject.forwarder.decap),
            )
        },
        "peers": peers(subject, now),
    }
