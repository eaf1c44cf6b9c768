"""`vtep fdb`: print the FDB, or one entry, in the grammar of `bridge fdb`."""

import argparse
import json
from collections.abc import Iterator

from vtep.cli.commands import show_text as text
from vtep.cli.commands.common import add_output_options, add_socket, print_json, reports_gone
from vtep.cli.commands.words import Conditions, is_mac, parse_words, split_action
from vtep.cli.guesses import FDB_ACTIONS
from vtep.config.arguments import Parser
from vtep.control.client.client import TIMEOUT_S, Client, read_ahead
from vtep.control.client.discover import find
from vtep.control.query import FDB_STATES, Query
from vtep.errors import UsageError

_KEYS = {
    "dev": "dev",
    "brport": "dev",
    "vni": "vni",
    "dst": "dst",
    "mac": "mac",
    "to": "mac",
    "br": "br",
    "vlan": "vlan",
    "state": "state",
}
_FLAGS = {state: ("state", state) for state in FDB_STATES} | {"self": ("flag", "self")}
_STATES = {"reachable": "dynamic", "noarp": "static"}
"""Other words of `bridge` for a state."""

_NOTES = f"""\
Conditions: [dev] TAP (or brport TAP), vni VNI, [dst] ADDRESS or dst local,
[mac] MAC, br BRIDGE, vlan VLAN, state STATE or only STATE.
States: {", ".join(FDB_STATES)}.
The flood list is permanent; learned entries are dynamic.

Examples:
  vtep fdb
  vtep fdb show 02:42:ac:12:00:0c
  vtep fdb show br br0 dynamic
  vtep fdb get 02:42:ac:12:00:0c vni 100
"""


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep fdb` to a parser."""
    parser.set_defaults(run=run)
    parser.completions = ("show", "get", *_KEYS, *_FLAGS)
    parser.description = "Show the forwarding database of a running vtep, as bridge fdb does."
    parser.epilog = _NOTES
    parser.add_argument(
        *["words"], nargs="*", metavar="WORD", help="[show] CONDITIONS, or get MAC CONDITIONS"
    )
    add_socket(parser)
    add_output_options(parser)


@reports_gone
def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        UsageError: an argument is wrong, no daemon matches, or the entry to get does not exist.
    """
    action, words = split_action(
        "fdb", arguments.words, _KEYS | dict.fromkeys(_FLAGS, ""), FDB_ACTIONS, ["get"]
    )
    if action == "get" and words and words[0] not in _KEYS | _FLAGS and not is_mac(words[0]):
        raise UsageError(f"{words[0]!r}: not a MAC address; write it as 02:42:ac:12:00:0b")
    wanted = parse_words(words, _KEYS, _FLAGS)
    if action == "get" and "mac" not in wanted:
        raise UsageError("fdb get: MAC address missing; write vtep fdb get MAC")
    client = find(arguments.socket, wanted.get("dev"))
    lines = read_ahead(_lines(client, wanted))
    if action == "get":
        found = list(lines)
        if not found:
            raise UsageError(f"{wanted['mac']}: not in the FDB; list it with vtep fdb show")
        lines = iter(found)
    if arguments.json:
        print_json((line.decode() for line in lines), pretty=arguments.pretty)
        return 0
    for line in lines:
        print(text.entry(json.loads(line), used=arguments.statistics))
    return 0


def _lines(client: Client, wanted: Conditions) -> Iterator[bytes]:
    """Yield the entries as JSON; the daemon selects them by all conditions but bridge and VLAN."""
    query = {key: value for key, value in wanted.items() if key not in ("br", "vlan", "flag")}
    state = query.pop("state", "all")
    if state != "all":
        query["state"] = _STATES.get(state, state)
    if "br" not in wanted and "vlan" not in wanted:
        yield from client.lines("/v1/fdb", query, timeout=TIMEOUT_S)
        return
    vlan, vni = Query(wanted).integer("vlan", 1, 4094), Query(wanted).vni()
    overlays = client.get("/v1/show")
    bridges = {overlay.get("master") for overlay in overlays} - {None}
    if "br" in wanted and wanted["br"] not in bridges:
        if not bridges:
            raise UsageError(f"br {wanted['br']}: no TAP is attached to a bridge; leave br out")
        listed = ", ".join(sorted(bridges))
        raise UsageError(f"br {wanted['br']}: no TAP is attached to it; use {listed}")
    for overlay in overlays:
        data = overlay["linkinfo"]["info_data"]
        if (
            wanted.get("br") in (None, overlay.get("master"))
            and vlan in (None, data.get("vlan"))
            and vni in (None, data["id"])
        ):
            yield from client.lines("/v1/fdb", query | {"vni": data["id"]}, timeout=TIMEOUT_S)
