"""Show the state of a Vtep to users and programs: counters and the FDB (pure functions).

tx is towards the underlay and rx from it, as `ip -s link` counts a vxlan device. The FDB is printed
as by `bridge fdb show`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from vtep.dataplane.counters import HARMLESS, Drop, Flood
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.wire.ethernet import format_mac

Drops: TypeAlias = dict[tuple[str, Drop], int]


def counters(vtep: Vtep, *, peers: bool = True) -> dict[str, Any]:
    """Return all counters as a tree for JSON, with those of each peer if *peers*."""
    return {
        "underlay": {"drops": drop_counts(vtep.drops)},
        "taps": {port.name: {"drops": drop_counts(port.drops)} for port in ports(vtep)},
        "overlays": {
            str(vni): _overlay(overlay, peers=peers) for vni, overlay in vtep.overlays.items()
        },
    }


def fdb(vtep: Vtep, now: float) -> list[dict[str, Any]]:
    """Return the live entries of all overlays; `dst` is an IP address, or "local"."""
    return [
        {"mac": format_mac(mac), "vni": vni, "dst": destination.name, "age": round(age, 1)}
        for vni, overlay in vtep.overlays.items()
        for mac, destination, age in overlay.fdb.entries(now)
    ]


def counters_text(tree: dict[str, Any]) -> Iterator[str]:
    """Yield the result of `counters` as text: a line for each overlay and each place of drops."""
    for vni, overlay in tree["overlays"].items():
        yield (
            f"vni {vni}: tx {overlay['tx_frames']} frames {overlay['tx_bytes']} bytes,"
            f" rx {overlay['rx_frames']} frames {overlay['rx_bytes']} bytes,"
            f" flooded {sum(overlay['flooded'].values())}, fdb {overlay['fdb']['entries']}"
            + (f", reserved bits {overlay['reserved_bits']}" if overlay["reserved_bits"] else "")
            + (f", {_drops_text(overlay['drops'])}" if overlay["drops"] else "")
            + (f", last refused {overlay['last_refused']}" if overlay["last_refused"] else "")
        )
    for tap, port in tree["taps"].items():
        if port["drops"]:
            yield f"tap {tap}: {_drops_text(port['drops'])}"
    if tree["underlay"]["drops"]:
        yield f"underlay: {_drops_text(tree['underlay']['drops'])}"


def fdb_text(entries: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each entry in the result of `fdb`."""
    for entry in entries:
        yield f"{entry['mac']} dst {entry['dst']} vni {entry['vni']} age {entry['age']:.0f}"


def drops(vtep: Vtep) -> Drops:
    """Return all drops except harmless ones, by place ("tap vx0") and reason."""
    places: list[tuple[str, Counter[Drop]]] = [("underlay", vtep.drops)]
    places += [(f"tap {port.name}", port.drops) for port in ports(vtep)]
    places += [(f"vni {overlay.vni}", overlay.drops) for overlay in vtep.overlays.values()]
    return {
        (place, reason): count
        for place, counted in places
        for reason, count in sorted(counted.items())
        if reason not in HARMLESS and count
    }


def ports(vtep: Vtep) -> list[AccessPort]:
    """Return the TAPs of all overlays, each once."""
    return list(dict.fromkeys(overlay.port for overlay in vtep.overlays.values()))


def details(overlay: Overlay) -> dict[str, Any]:
    """Return the counters of an overlay except its traffic."""
    return {
        "flooded": {str(cause): overlay.flooded[cause] for cause in Flood},
        "reserved_bits": overlay.reserved_bits,
        "clamped": overlay.clamped,
        "last_refused": overlay.last_refused,
        "fdb": {
            "entries": len(overlay.fdb),
            "learned": overlay.fdb.learned,
            "moved": overlay.fdb.moved,
            "expired": overlay.fdb.expired,
            "refused": overlay.fdb.refused,
        },
        "drops": drop_counts(overlay.drops),
    }


def drop_counts(drops: Counter[Drop]) -> dict[str, int]:
    """Return the drops that are not 0, by the name of the reason."""
    return {str(reason): count for reason, count in sorted(drops.items()) if count}


def _overlay(overlay: Overlay, *, peers: bool) -> dict[str, Any]:
    tree = overlay.traffic.as_dict() | {"tap": overlay.port.name} | details(overlay)
    if peers:
        tree["peers"] = {peer.ip: peer.traffic.as_dict() for peer in overlay.peers.values()}
    return tree


def _drops_text(drops: dict[str, int]) -> str:
    return "drops " + " ".join(f"{name} {count}" for name, count in drops.items())
