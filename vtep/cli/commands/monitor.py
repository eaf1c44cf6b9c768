"""`vtep monitor`: what happens in the tables of a running daemon, and to frames, as it happens."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vtep.cli.commands.common import add_socket, asking, pairs
from vtep.cli.commands.streaming import STDOUT, Interrupts, interrupt_when_nobody_reads, write_all
from vtep.config.arguments import Parser
from vtep.control.client.client import Gone
from vtep.control.client.discover import find
from vtep.trace.kinds import DROPPED, KINDS, read_wanted

_EXAMPLES = f"""\
Events: {", ".join(KINDS)}.  Without one: all.
Of many of one kind some are printed, and how many more there were.

Examples:
  All that happens in VNI 100:
    vtep monitor vni 100
  Only drops, and only moves, with the time:
    vtep monitor -t dropped moved
"""


@asking
def main(words: Sequence[str]) -> int:
    """Carry out the command; return the exit code.

    Raises:
        ConfigError: it cannot be carried out as given.
    """
    arguments = _parse(words)
    query = _query(arguments.words)
    if arguments.all:
        query["harmless"] = "1"
    read_wanted(query)
    client = find(arguments.socket, query.get("dev"))
    with Interrupts().held() as interrupts:
        interrupt_when_nobody_reads(STDOUT)
        try:
            lines = client.lines("/v1/events", query)
            while True:
                with interrupts.let_through():
                    line = next(lines, None)
                if line is None:
                    raise Gone("the vtep ended")
                write_all(STDOUT, _shown(line, arguments))
        except (KeyboardInterrupt, BrokenPipeError):
            return 0


def text(event: dict[str, Any], *, stamp: bool = False) -> str:
    """Return an event as one line, in the words of `bridge monitor fdb` where it has such."""
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


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser("monitor", "Print what happens in a running vtep, until Ctrl-C.")
    parser.epilog = _EXAMPLES
    parser.add_argument("words", nargs="*", metavar="WORD", help="events, dev TAP, vni VNI")
    add_socket(parser)
    parser.add_argument("-j", "--json", action="store_true", help="one JSON object a line")
    parser.add_argument("-t", "--timestamp", action="store_true", help="the time in front")
    parser.add_argument(
        *["-a", "--all"], action="store_true", help="drops too that every bridge makes"
    )
    return parser.parse_intermixed_args(words)


def _query(words: Sequence[str]) -> dict[str, str]:
    """Return the words behind the command as a query."""
    rest = [word for word in words if word not in KINDS]
    query = pairs(rest, ("dev", "vni"))
    kinds = [word for word in words if word in KINDS]
    return query | ({"event": ",".join(kinds)} if kinds else {})
