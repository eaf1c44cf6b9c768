"""`vtep monitor`: print changes of tables and drops of frames of a running daemon, live."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vtep.cli.commands.common import add_socket, reports_gone
from vtep.cli.commands.streaming import STDOUT, Interrupts, interrupt_when_reader_ends, write_all
from vtep.cli.commands.words import parse_words
from vtep.config.arguments import Parser
from vtep.config.unsupported import IPROUTE2
from vtep.control.client.client import Gone
from vtep.control.client.discover import find
from vtep.control.query import read_events
from vtep.errors import UsageError, did_you_mean
from vtep.trace.filters import DROPPED, EVENT_TYPES, FLOODED

_CONDITIONS = ("dev", "vni")
_EVENTS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in EVENT_TYPES},
    "all": EVENT_TYPES,
    "fdb": ("learned", "moved", "expired", "refused"),
    "drop": (DROPPED,),
    "drops": (DROPPED,),
    "flood": (FLOODED,),
    "floods": (FLOODED,),
    "moves": ("moved",),
}
"""Words for events: their names, the objects of `bridge monitor`, and plurals."""
_NO_COLOR = dict.fromkeys(("-c", "-color"), "not supported: the output has no colours; remove it")
_EXAMPLES = f"""\
Events: {", ".join(EVENT_TYPES)};
all of them by default. fdb is short for the first four.
Bursts of one event are summarised as "... and N more".

Examples:
  Print all events of VNI 100:
    vtep monitor vni 100
  Print drops and moves only, with the time:
    vtep monitor -t dropped moved
"""


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep monitor` to a parser."""
    parser.set_defaults(run=run)
    parser.completions = (*EVENT_TYPES, "fdb", "all", "dev", "vni")
    parser.description = "Print table changes and drops of a running vtep, until Ctrl-C."
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="events, fdb, all, dev TAP, vni VNI"
    )
    add_socket(parser)
    parser.abbreviates = True
    parser.unsupported = IPROUTE2 | _NO_COLOR
    parser.add_argument("-j", "--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        *["-t", "-ts", "--timestamp", "--tshort"], action="store_true", help="print the time first"
    )
    parser.add_argument(
        *["-a", "--all"], action="store_true", help="include normal bridge filtering"
    )


@reports_gone
def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        UsageError: an argument is wrong, or no daemon matches.
    """
    query = _query(arguments.words)
    if arguments.all:
        query["harmless"] = "1"
    read_events(query)
    client = find(arguments.socket, query.get("dev"))
    with Interrupts().deferred() as interrupts:
        interrupt_when_reader_ends(STDOUT)
        try:
            lines = client.lines("/v1/events", query)
            while True:
                with interrupts.allowed():
                    line = next(lines, None)
                if line is None:
                    raise Gone(client.path)
                write_all(STDOUT, _shown(line, arguments))
        except (KeyboardInterrupt, BrokenPipeError):
            return 0


def text(event: dict[str, Any], *, stamp: bool = False) -> str:
    """Return an event as one line, in the form of `bridge monitor fdb` where that has the event."""
    kind, mac, count = event["event"], event.get("mac"), event.get("count", 1)
    words = [mac] if mac else []
    words += [f"dev {event['ifname']}"] if "ifname" in event else []
    words += [f"vni {event['vni']}"] if "vni" in event else []
    if kind == DROPPED:
        place = [] if "vni" in event else [event["place"]]
        reason = f"{event['reason']} ({event['meaning']})"
        words += [*place, f"dropped {count} {reason}"]
    elif mac is None:
        words += [f"... and {count} more {kind}"]
    else:
        words += [f"dst {event['dst']}"] if "dst" in event else []
        words += [f"was {event['was']}"] if "was" in event else []
        words += [kind]
    line = " ".join(words)
    if not stamp:
        return line
    return f"[{datetime.fromtimestamp(event['time']).isoformat(timespec='microseconds')}] {line}"


def _shown(line: bytes, arguments: argparse.Namespace) -> bytes:
    if arguments.json:
        return line + b"\n"
    return f"{text(json.loads(line), stamp=arguments.timestamp)}\n".encode()


def _query(words: Sequence[str]) -> dict[str, str]:
    """Return the words after the command as a query.

    Raises:
        UsageError: a word is neither an event nor a condition.
    """
    types: list[str] = []
    rest: list[str] = []
    for word in words:
        if rest and rest[-1] in _CONDITIONS and len(rest) % 2:
            rest.append(word)  # its value
        elif word in _EVENTS:
            types += _EVENTS[word]
        elif word in _CONDITIONS:
            rest.append(word)
        else:
            known = f"use {', '.join(EVENT_TYPES)}, fdb, all, dev TAP or vni VNI"
            raise UsageError(f"event {word!r}: unknown; {did_you_mean(word, list(_EVENTS), known)}")
    query = parse_words(rest, {name: name for name in _CONDITIONS})
    return query | ({"event": ",".join(dict.fromkeys(types))} if types else {})
