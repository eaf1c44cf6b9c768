"""`vtep walk`: read Options from the command line, and print the Result as text, JSON or HTML."""

import argparse
import json
from pathlib import Path
from typing import Any

from vtep.config.arguments import Parser
from vtep.config.numbers import whole_number
from vtep.errors import UsageError
from vtep.walk.options import INNERS, WHAT_IFS, Options

_SUMMARY = """\
Follow one frame from container to container through two VTEPs, and show what
happens to it at each point, and why. Sends nothing and needs no root."""

_EXAMPLES = """\
Examples:
  vtep walk
  vtep walk --inner tcp --vlan 10 --ipv6
  vtep walk --what-if mtu
  vtep walk --frame "Ether(dst='02:42:ac:12:00:0c')/IP(dst='172.18.0.12')/UDP()"
  vtep walk --html walk.html
  vtep walk --check 1.2=50
"""


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep walk` to a parser."""
    parser.set_defaults(run=_run)
    parser.description, parser.epilog = _SUMMARY, _EXAMPLES
    inner = parser.add_argument_group("the frame")
    inner.add_argument(
        "--inner", choices=INNERS, default="icmp", help="set the protocol of the containers [icmp]"
    )
    inner.add_argument("--inner-ipv6", action="store_true", help="use IPv6 in the containers")
    inner.add_argument(
        "--frame",
        metavar="FRAME",
        help="send this frame: hexadecimal, FILE.pcap[:NUMBER], or a scapy expression",
    )
    network = parser.add_argument_group("the network")
    network.add_argument(
        "--vni", type=whole_number, default=100, help="set the VNI of the overlay [100]"
    )
    network.add_argument(
        "--vlan", type=whole_number, help="connect VTEP and bridge by a trunk with this VLAN"
    )
    network.add_argument("--ipv6", action="store_true", help="use IPv6 on the underlay")
    mtu: dict[str, Any] = {"metavar": "MTU", "type": whole_number}
    network.add_argument(
        "--underlay-mtu", **mtu, default=1500, help="set the MTU of the underlay [1500]"
    )
    network.add_argument("--mtu", **mtu, help="set the MTU of the TAPs [1450, over IPv6 1430]")
    network.add_argument(
        "--what-if", choices=WHAT_IFS, help="introduce a fault, and show how to see it"
    )
    output = parser.add_argument_group("output")
    one = output.add_mutually_exclusive_group()
    one.add_argument("--brief", action="store_true", help="print one line per station")
    one.add_argument("-v", "--verbose", action="store_true", help="print all walks in full")
    one.add_argument("-j", "--json", action="store_true", help="print JSON")
    one.add_argument("--html", metavar="FILE", help="write a self-contained HTML page")
    one.add_argument(
        "--check",
        nargs="*",
        metavar="EXERCISE=ANSWER",
        help="check answers to the exercises of docs/learn; without answers: list them",
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.check is not None:
        from vtep.walk.course.exercises import check_answers

        return check_answers(arguments.check)
    return _show(_options(arguments), arguments)


def _options(arguments: argparse.Namespace) -> Options:
    frame = None
    if arguments.frame is not None:
        from vtep.walk.custom_frame import read_frame

        frame = read_frame(arguments.frame)
    return Options(
        inner=arguments.inner,
        vni=arguments.vni,
        vlan=arguments.vlan,
        ipv6=arguments.ipv6,
        inner_ipv6=arguments.inner_ipv6,
        underlay_mtu=arguments.underlay_mtu,
        mtu=arguments.mtu,
        frame=frame,
        what_if=arguments.what_if,
    )


def _show(options: Options, arguments: argparse.Namespace) -> int:
    from vtep.walk.engine import run

    result = run(options)
    if arguments.html is not None:
        from vtep.walk.html import page

        _write(Path(arguments.html), page(result))
        return 0
    if arguments.json:
        from vtep.walk.model import result_as_json

        print(json.dumps(result_as_json(result), indent=2))
        return 0
    from vtep.decode.terminal import wants_colour, width
    from vtep.walk.text import Text

    text = Text(
        colour=wants_colour(),
        width=width(),
        brief=arguments.brief,
        verbose=arguments.verbose,
    )
    for line in text.lines(result):
        print(line)
    return 0


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--html {path}: cannot write: {error.strerror}; give another file"
        ) from error
