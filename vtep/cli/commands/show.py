"""`vtep show`, `vtep fdb show` and `vtep peer show`."""

import json
from collections.abc import Sequence

from vtep.cli.commands import show_text as text
from vtep.cli.commands.common import make_parser, parse_pairs, reports_gone
from vtep.control.client.client import TIMEOUT_S, read_ahead
from vtep.control.client.discover import find
from vtep.control.query import Query
from vtep.errors import UsageError

_COUNTED = {"stats64", "flooded", "reserved_bits", "clamped", "last_refused", "fdb"}
_COUNTED |= {"drops", "tap_drops", "underlay_drops"}


@reports_gone
def show(words: Sequence[str]) -> int:
    """`vtep show`: print the overlays, as `ip link show` prints vxlan devices."""
    parser = make_parser("show", "Show the overlays of a running vtep.", "[[dev] TAP] [vni VNI]")
    parser.add_argument("-d", "--details", action="store_true", help="show settings too")
    given = parser.parse_intermixed_args(words)
    if given.words and given.words[0] not in ("dev", "vni"):
        given.words.insert(0, "dev")
    wanted = parse_pairs(given.words, ("dev", "vni"))
    vni = Query(wanted).vni()
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


@reports_gone
def fdb(words: Sequence[str]) -> int:
    """`vtep fdb show`: print the FDB, as `bridge fdb show`."""
    parser = make_parser(
        "fdb",
        "Show the forwarding database of a running vtep.",
        "show [dev TAP] [vni VNI] [dst ADDRESS|local] [mac MAC]",
    )
    given = parser.parse_intermixed_args(words)
    wanted = parse_pairs(_after_show("fdb", given.words), ("dev", "vni", "dst", "mac"))
    client = find(given.socket, wanted.get("dev"))
    lines = read_ahead(client.lines("/v1/fdb", wanted, timeout=TIMEOUT_S))
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


@reports_gone
def peer(words: Sequence[str]) -> int:
    """`vtep peer show`: print the other VTEPs, and when each sent its last frame."""
    parser = make_parser(
        "peer",
        "Show the VTEPs that a running vtep knows.",
        "show [dev TAP] [vni VNI] [dst ADDRESS]",
    )
    given = parser.parse_intermixed_args(words)
    wanted = parse_pairs(_after_show("peer", given.words), ("dev", "vni", "dst"))
    vni, address = Query(wanted).vni(), Query(wanted).address("dst")
    found = [
        one
        for one in find(given.socket, wanted.get("dev")).get("/v1/peers")
        if wanted.get("dev") in (None, one["ifname"])
        and vni in (None, one["vni"])
        and address in (None, one["ip"])
    ]
    if given.json:
        print(json.dumps(found, separators=(",", ":")))
        return 0
    for one in found:
        print(text.peer(one))
        if given.statistics:
            rx, tx = (
                {"bytes": one[f"{way}_bytes"], "packets": one[f"{way}_frames"]}
                for way in ("rx", "tx")
            )
            print(*text.traffic(rx, tx), sep="\n")
    return 0


def _after_show(command: str, words: list[str]) -> list[str]:
    """Return the words after `show`; the word itself is optional if nothing follows it."""
    if words and words[0] != "show":
        raise UsageError(f"word {words[0]!r}: unknown; write vtep {command} show")
    return words[1:]
