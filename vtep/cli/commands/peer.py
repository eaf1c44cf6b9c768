"""`vtep peer`: print the other VTEPs, and when each sent its last frame."""

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
from vtep.cli.commands.words import parse_words, split_action
from vtep.cli.guesses import PEER_ACTIONS
from vtep.config.arguments import Parser
from vtep.control.client.discover import find
from vtep.control.query import Query

_KEYS = {"dev": "dev", "vni": "vni", "dst": "dst", "to": "dst"}


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep peer` to a parser."""
    parser.set_defaults(run=run)
    parser.completions = ("show", *_KEYS)
    parser.description = "Show the VTEPs that a running vtep knows."
    parser.add_argument(
        *["words"], nargs="*", metavar="WORD", help="[show] [[dst] ADDRESS] [dev TAP] [vni VNI]"
    )
    add_socket(parser)
    add_output_options(parser)


@reports_gone
def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        UsageError: an argument is wrong, or no daemon matches.
    """
    _, words = split_action("peer", arguments.words, _KEYS, PEER_ACTIONS)
    wanted = parse_words(words, _KEYS)
    vni, address = Query(wanted).vni(), Query(wanted).address("dst")
    found = [
        one
        for one in find(arguments.socket, wanted.get("dev")).get("/v1/peers")
        if wanted.get("dev") in (None, one["ifname"])
        and vni in (None, one["vni"])
        and address in (None, one["ip"])
    ]
    if arguments.json:
        texts = (json.dumps(one, separators=(",", ":")) for one in found)
        print_json(texts, pretty=arguments.pretty)
        return 0
    for one in found:
        lines = [text.peer(one)]
        if arguments.statistics:
            rx, tx = (
                {"bytes": one[f"{way}_bytes"], "packets": one[f"{way}_frames"]}
                for way in ("rx", "tx")
            )
            lines += text.traffic(rx, tx)
        print_record(lines, oneline=arguments.oneline)
    return 0
