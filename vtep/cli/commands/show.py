"""`vtep show`, `vtep fdb show` and `vtep peer show`."""

import json
from collections.abc import Sequence

from vtep.cli.commands import show_text as text
from vtep.cli.commands.common import asking, number, pairs, parser_of
from vtep.control.client.client import TIMEOUT_S, ahead
from vtep.control.client.discover import find
from vtep.errors import UsageError

_COUNTED = {"stats64", "flooded", "reserved_bits", "clamped", "last_refused", "fdb"}
_COUNTED |= {"drops", "tap_drops", "underlay_drops"}


@asking
def show(words: Sequence[str]) -> int:
    """`vtep show`: the overlays, as `ip link show` shows vxlan devices."""
    parser = parser_of("show", "Show the overlays of a running vtep.", "[dev] TAP, vni VNI")
    parser.add_argument("-d", "--details", action="store_true", help="show how they are set too")
    given = parser.parse_intermixed_args(words)
    if given.words and given.words[0] not in ("dev", "vni"):
        given.words.insert(0, "dev")
    wanted = pairs(given.words, ("dev", "vni"))
    vni = number(wanted, "vni")
    found = [
        overlay
        for overlay in find(given.socket, wanted.get("dev")).get("/v1/show")
        if wanted.get("dev") in (None, overlay["ifname"])
        and vni in (None, overlay["linkinfo"]["info_data"]["id"])
    ]
    if given.json:
        if not given.statistics:
            found = [
                {key: value for key, value in overlay.items() if key not in _COUNTED}
                for overlay in found
            ]
        print(json.dumps(found, separators=(",", ":")))
        return 0
    for overlay in found:
        print(*text.link(overlay, details=given.details), sep="\n")
        if given.statistics:
            print(*text.counters(overlay), sep="\n")
    if given.statistics and found:
        shared = {f"tap {overlay['ifname']}": overlay["tap_drops"] for overlay in found}
        shared["underlay"] = found[0]["underlay_drops"]
        for place, drops in shared.items():
            if drops:
                print(f"{place}:", *text.drops(drops), sep="\n")
    return 0


@asking
def fdb(words: Sequence[str]) -> int:
    """`vtep fdb show`: where MACs were heard, as `bridge fdb show`."""
    parser = parser_of(
        "fdb",
        "Show the forwarding database of a running vtep.",
        "show, then any of: dev TAP, vni VNI, dst ADDRESS|local, mac MAC",
    )
    given = parser.parse_intermixed_args(words)
    wanted = pairs(_after_show("fdb", given.words), ("dev", "vni", "dst", "mac"))
    client = find(given.socket, wanted.get("dev"))
    lines = ahead(client.lines("/v1/fdb", wanted, timeout=TIMEOUT_S))
    if given.json:
        before = "["
        for line in lines:
            print(f"{before}{line.decode()}", end="")
            before = ",\n"
        print("]" if before == ",\n" else "[]")
        return 0
    for line in lines:
        print(text.entry(json.loads(line), used=given.statistics))
    return 0


@asking
def peer(words: Sequence[str]) -> int:
    """`vtep peer show`: the other VTEPs, and when each was heard."""
    parser = parser_of(
        "peer",
        "Show the VTEPs that a running vtep knows.",
        "show, then any of: dev TAP, vni VNI, dst ADDRESS",
    )
    given = parser.parse_intermixed_args(words)
    wanted = pairs(_after_show("peer", given.words), ("dev", "vni", "dst"))
    vni = number(wanted, "vni")
    found = [
        one
        for one in find(given.socket, wanted.get("dev")).get("/v1/peers")
        if wanted.get("dev") in (None, one["ifname"])
        and vni in (None, one["vni"])
        and wanted.get("dst") in (None, one["ip"])
    ]
    if given.json:
        print(json.dumps(found, separators=(",", ":")))
        return 0
    for one in found:
        print(text.peer(one))
        if given.statistics:
            lines = text.traffic(
                one["rx_bytes"], one["rx_frames"], one["tx_bytes"], one["tx_frames"]
            )
            print(*lines, sep="\n")
    return 0


def _after_show(command: str, words: list[str]) -> list[str]:
    """Return the words behind `show`, which may be left out where nothing follows."""
    if words and words[0] != "show":
        raise UsageError(f"unknown word {words[0]!r}: write vtep {command} show")
    return words[1:]
