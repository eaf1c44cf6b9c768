"""`vtep show`: print the overlays, as `ip link show` prints vxlan devices."""

import argparse
import json

from vtep.cli.commands import show_text as text
from vtep.cli.commands.common import (
    add_output_options,
    add_socket,
    print_json,
    print_record,
    reports_gone,
)
from vtep.cli.commands.words import parse_words
from vtep.cli.guesses import OBJECTS
from vtep.config.arguments import Parser
from vtep.control.client.discover import find
from vtep.control.query import Query
from vtep.errors import UsageError

_KEYS = {"dev": "dev", "vni": "vni", "master": "master", "br": "master", "type": "type"}
_COUNTED = {"stats64", "flooded", "reserved_bits", "clamped", "last_refused", "fdb"}
_COUNTED |= {"drops", "tap_drops", "underlay_drops"}


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep show` to a parser."""
    parser.set_defaults(run=run)
    parser.completions = tuple(_KEYS)
    parser.description = "Show the overlays of a running vtep, as ip link shows vxlan devices."
    parser.add_argument(
        *["words"], nargs="*", metavar="WORD", help="[[dev] TAP] [vni VNI] [master BRIDGE]"
    )
    add_socket(parser)
    add_output_options(parser, "show settings too")


@reports_gone
def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        UsageError: an argument is wrong, or no daemon matches.
    """
    first = next(iter(arguments.words), "")
    if first in OBJECTS:
        raise UsageError(f"word {first!r}: not a TAP; {OBJECTS[first]}, or write dev {first}")
    wanted = parse_words(arguments.words, _KEYS)
    if wanted.get("type", "vxlan") != "vxlan":
        raise UsageError(f"type {wanted['type']}: all overlays are VXLAN; remove it")
    vni = Query(wanted).vni()
    found = [
        overlay
        for overlay in find(arguments.socket, wanted.get("dev")).get("/v1/show")
        if wanted.get("dev") in (None, overlay["ifname"])
        and vni in (None, overlay["linkinfo"]["info_data"]["id"])
        and wanted.get("master") in (None, overlay.get("master"))
    ]
    if arguments.json:
        hidden = set() if arguments.statistics else _COUNTED
        kept = ({k: v for k, v in overlay.items() if k not in hidden} for overlay in found)
        texts = (json.dumps(overlay, separators=(",", ":")) for overlay in kept)
        print_json(texts, pretty=arguments.pretty)
        return 0
    for overlay in found:
        lines = [*text.link(overlay, details=arguments.details)]
        if arguments.statistics:
            lines += text.counters(overlay)
        print_record(lines, oneline=arguments.oneline)
    if arguments.statistics and found:
        shared = {f"tap {overlay['ifname']}": overlay["tap_drops"] for overlay in found}
        shared["underlay"] = found[0]["underlay_drops"]
        for place, drops in shared.items():
            if drops:
                print_record([f"{place}:", *text.drops(drops)], oneline=arguments.oneline)
    return 0
