"""`vtep OPTIONS` and `vtep check OPTIONS`: read a Config, and run or print it."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from vtep.cli import help_text
from vtep.config.arguments import Parser
from vtep.config.load import from_arguments, mistyped_variables
from vtep.config.options import BOOLEAN, COUNT, GROUPS, OPTIONS, PORT_RANGE, Option
from vtep.config.unsupported import IPROUTE2, UNSUPPORTED
from vtep.errors import UsageError


def parser() -> Parser:
    """Return the parser of a command line without a command; the caller acts on -h and -V."""
    made = Parser(add_help=False)
    made.unsupported = UNSUPPORTED | IPROUTE2
    made.add_argument("-h", "--help", action="store_true", help="print this help")
    made.add_argument("-V", "--version", action="store_true", help="print the version")
    add_options(made)
    return made


def build_check(parser: Parser) -> None:
    """Add description and options of `vtep check` to a parser."""
    parser.set_defaults(run=_check)
    parser.description = "Check options, variables and file without root, and change nothing."
    parser.epilog = "Takes the options of the daemon. Prints a line for each overlay, and ok."
    parser.unsupported = UNSUPPORTED | IPROUTE2
    add_options(parser)


def add_options(parser: Parser) -> None:
    """Add the options of the daemon; the parsed texts have the form that from_arguments takes."""
    for group in GROUPS:
        section = parser.add_argument_group(group)
        for option in OPTIONS:
            if option.group == group:
                _add_option(section, option)


def _add_option(section: argparse._ArgumentGroup, option: Option) -> None:
    names = sorted((option.flag, *option.aliases), key=lambda name: name.startswith("--"))
    text = help_text.with_default(option).replace("%", "%%")
    if option.kind in (BOOLEAN, COUNT):
        section.add_argument(
            *names, dest=option.dest, action="append_const", const="yes", help=text
        )
    elif option.kind is PORT_RANGE:
        ports = tuple(option.metavar.split())
        section.add_argument(
            *names, dest=option.dest, action=_Words, nargs=2, metavar=ports, help=text
        )
    else:
        section.add_argument(
            *names,
            dest=option.dest,
            action="append",
            choices=option.kind.choices or None,
            metavar=option.metavar,
            help=text,
        )
    if option.kind is BOOLEAN:
        no = option.flag.replace("--", "--no-", 1)
        section.add_argument(
            no, dest=option.dest, action="append_const", const="no", help=f"turn {option.flag} off"
        )


class _Words(argparse.Action):
    """Append the values of one option as one text: "49152 65535"."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        """Append to what earlier options of the same name have left."""
        earlier = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*earlier, " ".join(map(str, values or ()))])


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon until SIGINT, SIGTERM or SIGHUP; return the exit code.

    Raises:
        UsageError: the configuration is wrong, or the host refuses it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell, for a background job
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config = from_arguments(arguments, os.environ)

    from vtep.control.service import open_listeners
    from vtep.daemon import process
    from vtep.errors import HostError

    try:
        process.reserve_stdio(config.ready_fd)
        with open_listeners(config) as service:
            return process.run(config, service, mistyped_variables(os.environ))
    except HostError as error:
        raise UsageError(str(error)) from error


def _check(arguments: argparse.Namespace) -> int:
    """`vtep check`: print the configuration; do not look at the host."""
    config = from_arguments(arguments, os.environ)
    for line in mistyped_variables(os.environ):
        print(f"vtep: warning: {line}", file=sys.stderr)
    for overlay in config.overlays:
        words: list[tuple[str, object]] = [
            ("tap", overlay.tap),
            ("vni", overlay.vni),
            ("vlan", overlay.vlan or (overlay.tags if overlay.tags == "pass" else None)),
            ("local", config.underlay.local),
            ("dev", config.underlay.dev),
            ("dstport", config.underlay.port),
            ("peers", ",".join(overlay.peers) or "any"),
            ("mtu", overlay.mtu or "auto"),
            ("bridge", overlay.bridge),
            ("docker-network", overlay.docker_network),
        ]
        print(*(f"{name} {value}" for name, value in words if value is not None))
    print("ok")
    return 0
