"""`vtep decode`: frames field by field, what is wrong with them, and what we would do with them."""

import argparse
import ipaddress
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

from vtep.config.arguments import Parser
from vtep.decode.inputs import Given, open_input
from vtep.decode.kernel import Datagram, received
from vtep.decode.terminal import wants_colour
from vtep.decode.text import Paint, full, short
from vtep.decode.verdict import Judge, Setup, Verdict
from vtep.dissect import First, Header, as_json, dissect
from vtep.errors import UsageError
from vtep.pcap import CaptureError
from vtep.wire import vxlan

_SUMMARY = """\
Take VXLAN datagrams apart, field by field: the bits drawn, what is wrong, and
what this VTEP would do with each. Nothing is sent; no root is needed."""

_EXAMPLES = """\
Examples:
  vtep decode 0800000000006400ffffffffffff02000000000a0806
  vtep decode trace.pcapng --vni 100 --peer 10.0.1.41
  tcpdump -i eth0 -w - udp port 4789 | vtep decode --short -

Exit code 1: a datagram is dropped, or the capture is broken.
"""


class Decoded(NamedTuple):
    """One frame, taken apart and judged; `verdict` is None where there is no VXLAN in it."""

    number: int
    given: Given
    headers: list[Header]
    verdict: Verdict | None


def main(words: Sequence[str]) -> int:
    """Carry out `vtep decode` and return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(words)
    setup = _setup(arguments)
    frames, is_capture = open_input(arguments.input, arguments.first)
    decoded = decode(frames, setup)
    try:
        if arguments.json:
            good = _print_json(decoded, is_capture=is_capture)
        else:
            good = _print_text(decoded, is_short=arguments.short)
    except CaptureError as error:
        print("", end="", flush=True)  # what stands before that place comes first
        print("vtep: error:", error, file=sys.stderr)
        return 1
    return 0 if good else 1


def decode(frames: Iterator[Given], setup: Setup) -> Iterator[Decoded]:
    """Yield what is told of each frame; the VTEP learns from one to the next."""
    judge = Judge(setup)
    for number, given in enumerate(frames, 1):
        headers: list[Header] = []
        verdict = None
        if given.first is not None:
            headers = dissect(given.octets, given.first, ports=setup.ports)
            found = received(given, headers, setup.ports, setup.local)
            if isinstance(found, Datagram):
                verdict = judge.receive(found, _seconds(given))
            elif found is not None:
                verdict = judge.refused(found)
        yield Decoded(number, given, headers, verdict)


def _seconds(given: Given) -> float | None:
    record = given.record
    return None if record is None or record.time is None else record.time / 1e9


def _print_text(decoded: Iterator[Decoded], *, is_short: bool) -> bool:
    paint = Paint(on=wants_colour())
    good = True
    for one in decoded:
        verdict = one.verdict
        if verdict is None or is_short:
            lines = short(one.number, one.given, one.headers, verdict, paint)
        else:
            lines = full(one.number, one.given, one.headers, verdict, paint)
        print("\n".join(lines), flush=is_short)
        good = good and not _is_dropped(one)
    return good


def _is_dropped(one: Decoded) -> bool:
    return one.verdict is not None and one.verdict.what == "dropped"


def _print_json(decoded: Iterator[Decoded], *, is_capture: bool) -> bool:
    """Print one object a line for a capture, a list for hexadecimal."""
    good = True
    found = []
    for one in decoded:
        good = good and not _is_dropped(one)
        if is_capture:
            print(json.dumps(_as_json(one)), flush=True)
        else:
            found.append(_as_json(one))
    if not is_capture:
        print(json.dumps(found, indent=2))
    return good


def _as_json(one: Decoded) -> dict[str, Any]:
    given, record = one.given, one.given.record
    seconds = _seconds(given)
    return {
        "number": one.number,
        "time": seconds,
        "interface": record.interface.name or None if record is not None else None,
        "direction": record.direction if record is not None else None,
        "comments": [*record.comments] if record is not None else [],
        "size": given.size,
        "kept": len(given.octets),
        "first": given.first,
        "headers": as_json(one.headers),
        "verdict": _verdict(one.verdict),
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    return None if verdict is None else verdict._asdict()


def _parser() -> argparse.ArgumentParser:
    parser = Parser("decode", _SUMMARY)
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "input",
        nargs="+",
        metavar="FILE|HEX|-",
        help="a pcap or pcapng file, a file of hexadecimal, hexadecimal itself, or - for stdin",
    )
    parser.add_argument(
        *("--from",),
        dest="first",
        choices=get_args(First),
        help="the first header [of hexadecimal: what it looks like]",
    )
    parser.add_argument(
        *("--port", "--dstport"),
        action="append",
        metavar="PORT",
        help="UDP port of VXLAN; repeat it [4789 and 8472]",
    )
    output = parser.add_argument_group("what to print")
    output.add_argument("-s", "--short", action="store_true", help="a few lines for each frame")
    output.add_argument("-j", "--json", action="store_true", help="for programs")
    vtep = parser.add_argument_group("the VTEP that judges")
    vtep.add_argument(
        "--vni", action="append", metavar="VNI", help="configured; repeat it [any that comes]"
    )
    vtep.add_argument(
        "--peer", action="append", metavar="ADDRESS", help="a peer; repeat it [any sender]"
    )
    vtep.add_argument("--accept-any", action="store_true", help="receive from others than peers")
    vtep.add_argument(
        "--vlan", default="strip", metavar="N|strip|pass", help="as for the daemon [strip]"
    )
    vtep.add_argument("--local", metavar="ADDRESS", help="our address [any]")
    return parser


def _setup(arguments: argparse.Namespace) -> Setup:
    ports = tuple(_number("--port", text, 1, 65535) for text in arguments.port or ())
    peers = [part for text in arguments.peer or () for part in text.split(",")]
    vlan: Any = arguments.vlan
    if vlan not in ("strip", "pass"):
        vlan = _number("--vlan", vlan, 1, 4094)
    return Setup(
        vnis=tuple(_number("--vni", text, 0, vxlan.MAX_VNI) for text in arguments.vni or ()),
        peers=tuple(_address("--peer", peer.strip()) for peer in peers),
        accept_any=arguments.accept_any,
        vlan=vlan,
        local=None if arguments.local is None else _address("--local", arguments.local),
        ports=ports or Setup().ports,
    )


def _number(option: str, text: str, least: int, most: int) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise UsageError(f"{option} {text}: give a number from {least} to {most}")
    return number


def _address(option: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise UsageError(f"{option} {text}: give an IP address") from None
