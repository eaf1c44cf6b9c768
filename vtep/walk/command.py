"""`vtep walk`: its words become Options, and a Result becomes text, JSON or a page."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vtep.config.arguments import Parser
from vtep.errors import UsageError
from vtep.walk.options import INNERS, WHAT_IFS, Options

_SUMMARY = """\
Follow one frame from container to container, through two VTEPs: what is done
to it at each point, and why. Nothing is sent; no root is needed."""

_EXAMPLES = """\
Examples:
  vtep walk
  vtep walk --inner tcp --vlan 10 --ipv6
  vtep walk --what-if mtu
  vtep walk --frame "Ether(dst='02:42:ac:12:00:0c')/IP(dst='172.18.0.12')/UDP()"
  vtep walk --html walk.html
  vtep walk --check 1.2=50
"""


def main(words: Sequence[str]) -> int:
    """Carry out `vtep walk` and return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.check is not None:
        from vtep.walk.course.exercises import check

        return check(arguments.check)
    return _show(_options(arguments), arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("walk", _SUMMARY)
    parser.epilog = _EXAMPLES
    inner = parser.add_argument_group("the frame")
    inner.add_argument(
        "--inner", choices=INNERS, default="icmp", help="what the containers say [icmp]"
    )
    inner.add_argument("--inner-ipv6", action="store_true", help="containers speak IPv6")
    inner.add_argument(
        "--frame",
        metavar="FRAME",
        help="your own: hexadecimal, FILE.pcap[:NUMBER], or an expression of scapy",
    )
    network = parser.add_argument_group("the network")
    network.add_argument("--vni", type=int, default=100, help="of the overlay [100]")
    network.add_argument("--vlan", type=int, help="put VTEP and bridge on a trunk, with this VLAN")
    network.add_argument("--ipv6", action="store_true", help="the underlay is IPv6")
    mtu: dict[str, Any] = {"metavar": "MTU", "type": int}
    network.add_argument("--underlay-mtu", **mtu, default=1500, help="between the hosts [1500]")
    network.add_argument("--mtu", **mtu, help="of the TAPs [what fits: 1450, over IPv6 1430]")
    network.add_argument(
        "--what-if", choices=WHAT_IFS, help="something goes wrong: see where, and how to see it"
    )
    output = parser.add_argument_group("what to print")
    one = output.add_mutually_exclusive_group()
    one.add_argument("--brief", action="store_true", help="a line for each station")
    one.add_argument("-v", "--verbose", action="store_true", help="everything in full")
    one.add_argument("-j", "--json", action="store_true", help="for programs")
    one.add_argument("--html", metavar="FILE", help="write a page that needs nothing else")
    one.add_argument(
        "--check",
        nargs="*",
        metavar="EXERCISE=ANSWER",
        help="verify answers to the exercises of docs/learn; alone: list them",
    )
    return parser


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
        from vtep.walk.model import as_json

        print(json.dumps(as_json(result), indent=2))
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
        raise UsageError(f"{path}: {error.strerror}: give --html another file") from error
