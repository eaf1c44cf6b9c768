"""Print the responses of a daemon in the form of iproute2."""

from collections.abc import Iterator, Mapping
from typing import Any

from vtep.dataplane.counters import Drop
from vtep.wire.vxlan import PORT

Tree = Mapping[str, Any]


def link(overlay: Tree, *, details: bool) -> Iterator[str]:
    """Yield the lines of an overlay, in the form of `ip -d link show` for a vxlan device."""
    flags = ",".join(overlay["flags"])
    master = f" master {overlay['master']}" if "master" in overlay else ""
    yield (
        f"{overlay['ifindex']}: {overlay['ifname']}: <{flags}> mtu {overlay['mtu']}{master}"
        f" state {overlay['operstate']}"
    )
    yield f"    link/ether {overlay['address']}"
    yield f"    vxlan {_vxlan(overlay['linkinfo']['info_data'], details=details)}"


def _vxlan(data: Tree, *, details: bool) -> str:
    words = [f"id {data['id']}"]
    if "vlan" in data:
        words.append(f"vlan {data['vlan']}")
    words += [f"remote {remote}" for remote in data["remotes"]]
    words.append(f"local {data.get('local', data.get('local6'))}")
    if not details:
        return " ".join(words + ([] if data["port"] == PORT else [f"dstport {data['port']}"]))
    if "link" in data:
        words.append(f"dev {data['link']}")
    ports = data["port_range"]
    words += [
        f"srcport {ports['low']} {ports['high']}",
        f"dstport {data['port']}",
        *("" if data["learning"] else ["nolearning"]),
        f"df {data['df']}",
        f"ageing {data['ageing']:g}",
        *([f"maxaddr {data['limit']}"] if data["limit"] else []),
        "udpcsum" if data["udp_csum"] else "noudpcsum",
        f"tags {data['tags']}",
        "clamp-mss" if data["clamp_mss"] else "noclamp-mss",
        "accept-any" if data["accept_any"] else "noaccept-any",
    ]
    return " ".join(words)


_WIDTHS = {"bytes": 12, "packets": 10, "errors": 6, "dropped": 7}


def traffic(rx: Mapping[str, int], tx: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of the frame counters, in the form of `ip -s link show`.

    Args:
        rx: bytes, packets, errors and dropped; a number that is missing has no column.
        tx: the same in the other direction.
    """
    for name, counts in (("RX", rx), ("TX", tx)):
        columns = [(column, width) for column, width in _WIDTHS.items() if column in counts]
        yield f"    {name}: " + " ".join(f"{column:>{width}}" for column, width in columns)
        yield "        " + " ".join(f"{counts[column]:>{width}}" for column, width in columns)


def counters(overlay: Tree) -> Iterator[str]:
    """Yield the lines of all counters of an overlay."""
    yield from traffic(overlay["stats64"]["rx"], overlay["stats64"]["tx"])
    for name in ("fdb", "flooded"):
        yield f"    {name} " + " ".join(f"{what} {n}" for what, n in overlay[name].items())
    for name in ("reserved_bits", "clamped"):
        if overlay[name]:
            yield f"    {name} {overlay[name]}"
    yield from drops(overlay["drops"])
    if overlay["last_refused"]:
        yield f"    last refused {overlay['last_refused']}"


def drops(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each reason: the count, its name and its meaning."""
    for name, count in counts.items():
        yield f"    dropped {count} {name}: {_meaning(name)}"


def _meaning(reason: str) -> str:
    meanings = {str(drop): drop.meaning for drop in Drop}
    return meanings.get(reason, "?")  # the daemon may be a newer version


def entry(found: Tree, *, used: bool) -> str:
    """Return the line of an FDB entry, in the form of `bridge fdb show`."""
    words = [found["mac"], f"dev {found['ifname']}", f"dst {found['dst']}", f"vni {found['vni']}"]
    if used and "used" in found:
        words.append(f"used {found['used']}")
    return " ".join([*words, *found["flags"], *([found["state"]] if found["state"] else [])])


def peer(found: Tree) -> str:
    """Return the line of a peer, in the form of `ip neighbor show`."""
    heard = "" if found["heard"] is None else f" heard {found['heard']:g}s ago"
    return (
        f"{found['ip']} dev {found['ifname']} vni {found['vni']}"
        f" {found['origin']} {found['state']}{heard}"
    )
