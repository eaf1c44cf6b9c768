"""Arguments of `vtep decode`; a parser is made without numpy."""

import argparse
from typing import get_args

from vtep.config.arguments import Parser
from vtep.dissect import FirstHeader

_SUMMARY = """\
Decode VXLAN datagrams field by field: show the bits, the problems, and what
this VTEP would do with each datagram. Sends nothing and needs no root."""

_EXAMPLES = """\
Examples:
  vtep decode 0800000000006400ffffffffffff02000000000a0806
  vtep decode trace.pcapng --vni 100 --peer 10.0.1.41
  tcpdump -i eth0 -w - udp port 4789 | vtep decode --short -

Exit code 1: a datagram would be dropped, or the capture is damaged.
"""


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep decode` to a parser."""
    parser.set_defaults(run=_run)
    parser.description, parser.epilog = _SUMMARY, _EXAMPLES
    parser.add_argument(
        "input",
        nargs="+",
        metavar="FILE|HEX|-",
        help="pcap or pcapng file, file of hexadecimal, hexadecimal, or - for standard input",
    )
    parser.add_argument(
        *("--from",),
        dest="first",
        choices=get_args(FirstHeader),
        help="set the first header [guessed for hexadecimal, known for a capture]",
    )
    parser.add_argument(
        *("--port", "--dstport"),
        action="append",
        metavar="PORT",
        help="take UDP datagrams to this port as VXLAN; repeatable [4789 and 8472]",
    )
    output = parser.add_argument_group("output")
    output.add_argument("-s", "--short", action="store_true", help="print few lines per frame")
    output.add_argument("-j", "--json", action="store_true", help="print JSON")
    vtep = parser.add_argument_group("the receiving VTEP")
    vtep.add_argument(
        "--vni", action="append", metavar="VNI", help="configure this VNI; repeatable [any VNI]"
    )
    vtep.add_argument(
        "--peer",
        action="append",
        metavar="ADDRESS",
        help="configure this peer; repeatable [any sender]",
    )
    vtep.add_argument("--accept-any", action="store_true", help="accept datagrams from any sender")
    vtep.add_argument(
        "--vlan",
        default="strip",
        metavar="N|strip|pass",
        help="handle 802.1Q tags as the daemon does [strip]",
    )
    vtep.add_argument("--local", metavar="ADDRESS", help="set our underlay address [any]")


def _run(arguments: argparse.Namespace) -> int:
    from vtep.decode.command import run  # numpy

    return run(arguments)
