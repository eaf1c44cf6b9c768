"""`vtep demo` and `vtep lab`: hosts in network namespaces of this machine."""

import argparse

from vtep.config.arguments import Parser
from vtep.config.numbers import whole_number
from vtep.errors import UsageError

_NOTES = """\
The hosts are network namespaces: everything disappears when the command ends.
Needs root, or a kernel that gives users their own namespaces.
"""
_DEMO_EXAMPLES = f"""\
{_NOTES}
Examples:
  vtep demo
  vtep demo --web
"""
_LAB_EXAMPLES = f"""\
{_NOTES}
Examples:
  Open a shell with three hosts, h1 to h3, with a container each, c1 to c3:
    vtep lab --hosts 3
  Connect two hosts, and ping from container to container:
    vtep lab
    lab$ h1 vtep --tap vx0 --vni 100 --peer 10.0.1.41 --bridge br0 &
    lab$ h2 vtep --tap vx0 --vni 100 --peer 10.0.1.4 --bridge br0 &
    lab$ c1 ping 172.18.0.12
"""


def build_demo(parser: Parser) -> None:
    """Add description and arguments of `vtep demo` to a parser."""
    parser.set_defaults(run=_demo)
    parser.description = "Show two VTEPs connect the containers of two hosts, step by step."
    parser.epilog = _DEMO_EXAMPLES
    parser.add_argument(
        *["--seconds"],
        type=whole_number,
        default=5,
        metavar="S",
        help="run iperf3 for this time [%(default)s]",
    )
    parser.add_argument(
        *["--web"],
        type=whole_number,
        nargs="?",
        const=8789,
        metavar="PORT",
        help="then serve the live page at 127.0.0.1:PORT until Ctrl-C [8789]",
    )


def build_lab(parser: Parser) -> None:
    """Add description and arguments of `vtep lab` to a parser."""
    parser.set_defaults(run=_lab)
    parser.description = "Open a shell with commands for two or more hosts and their containers."
    parser.epilog = _LAB_EXAMPLES
    parser.add_argument(
        *["--hosts"],
        type=whole_number,
        default=2,
        metavar="N",
        help="build this number of hosts [%(default)s]",
    )
    parser.add_argument(
        *["--family"],
        type=whole_number,
        choices=(4, 6),
        default=4,
        help="use this IP version on the underlay [4]",
    )
    parser.add_argument(
        *["--underlay-mtu"],
        type=whole_number,
        default=1500,
        metavar="MTU",
        help="set the MTU of the underlay [%(default)s]",
    )
    parser.add_argument(
        *["--wire"], action="store_true", help="carry only finished packets, as a real network does"
    )
    parser.add_argument("-c", metavar="COMMANDS", help="run these commands instead of a shell")


def _demo(arguments: argparse.Namespace) -> int:
    from vtep.lab.errors import LabError

    if arguments.seconds < 1:
        raise UsageError(f"--seconds {arguments.seconds}: too small; use 1 or more")
    if arguments.web is not None and not 0 <= arguments.web <= 65535:
        raise UsageError(f"--web {arguments.web}: not a port; use 0..65535")
    try:
        from vtep.lab.demo import run
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        raise UsageError("demo: needs the package rich; run pip install rich") from None
    try:
        return run(arguments.seconds, arguments.web)
    except LabError as error:
        raise UsageError(str(error)) from error


def _lab(arguments: argparse.Namespace) -> int:
    from vtep.lab.errors import LabError
    from vtep.lab.shell import MAX_HOSTS, MAX_MTU, min_mtu, run

    least = min_mtu(arguments.family)
    if not 2 <= arguments.hosts <= MAX_HOSTS:
        raise UsageError(f"--hosts {arguments.hosts}: out of range; use 2..{MAX_HOSTS}")
    if not least <= arguments.underlay_mtu <= MAX_MTU:
        raise UsageError(
            f"--underlay-mtu {arguments.underlay_mtu}: out of range; use {least}..{MAX_MTU}"
        )
    try:
        return run(
            arguments.hosts,
            arguments.family,
            underlay_mtu=arguments.underlay_mtu,
            wire=arguments.wire,
            script=arguments.c,
        )
    except LabError as error:
        raise UsageError(str(error)) from error
