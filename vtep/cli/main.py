"""The command line: choose the command, build a Config from the options, run it.

Each command imports packages outside the standard library itself, so that commands which only
query or check start quickly.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence

from vtep import __version__
from vtep.cli.registry import COMMANDS
from vtep.config.arguments import Parser
from vtep.config.load import from_arguments
from vtep.config.model import Config, default
from vtep.config.options import BOOLEAN, COUNT, GROUPS, OPTIONS, PORT_RANGE, Option
from vtep.errors import UsageError, did_you_mean

USAGE_ERROR = 2
"""Exit code of a wrong command line, configuration or host; one line on stderr says why."""

OUTPUT_ERROR = 1
"""Exit code when the output cannot be written."""

_SEE_HELP = "see vtep --help"

_USAGE = """\
vtep connects Ethernet segments across an IP network.
It is a VXLAN tunnel endpoint (RFC 7348).

  vtep --tap NAME --vni VNI --peer HOST [option ...]  run one overlay
  vtep --config FILE                                  run several overlays
  vtep check [option ...]                             check options without root
"""
_MORE = """\
Commands to inspect a running vtep, and to learn; each has its own --help:
"""[:-1]
_EXAMPLES = """\
Examples:
  Connect a TAP to the VTEP at 10.0.1.41:
    vtep --tap vx0 --vni 100 --peer 10.0.1.41
  Connect a Docker network to the same network on another host:
    vtep --tap vx0 --vni 100 --peer 10.0.1.41 --docker-network vxlan-net

Defaults are in brackets. Each option is also a key of the configuration file
and an environment variable, such as VTEP_TAP or VTEP_PEER: see docs/options.md.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: that of this process) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # captures may contain any character
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if words and not words[0].startswith("-"):
            code = _command(words[0])(words[1:])
        else:
            code = _configured(words, _run)
        if sys.stdout is not None:  # None if the process was started without one
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has ended, as in `vtep fdb show | head`
        _discard_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        print(f"vtep: error: cannot write the output: {error.strerror}", file=sys.stderr)
        return OUTPUT_ERROR
    except UsageError as error:
        print("vtep: error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130  # the shells' code for SIGINT; later the daemon handles the signal


def _discard_output() -> None:
    """Redirect stdout to /dev/null, so that flushing its buffer at exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _configured(words: Sequence[str], command: Callable[[Config], int]) -> int:
    """Run a command that takes the options of the daemon."""
    arguments = _parse(words)
    if arguments.help:
        print(help_text(), end="")
        return 0
    if arguments.version:
        print(f"vtep {__version__}")
        return 0
    return command(from_arguments(arguments, os.environ))


def help_text() -> str:
    """Return the text of --help."""
    commands = [f"  {one.usage:<28} {one.help}" for one in COMMANDS.values()]
    sections = [_USAGE, "\n".join([_MORE, *commands]) + "\n"]
    for group in GROUPS:
        lines = [_help_line(option) for option in OPTIONS if option.group == group]
        sections.append("\n".join([f"{group}:", *lines]) + "\n")
    sections[-1] += f"  {'-h, --help':<27} print this help\n  {'--version':<27} print the version\n"
    return "\n".join([*sections, _EXAMPLES])


def _help_line(option: Option) -> str:
    flag = option.flag.replace("--", "--[no-]", 1) if option.kind is BOOLEAN else option.flag
    others = [name for name in option.aliases if name != f"--{option.key.replace('-', '')}"]
    names = sorted((flag, *others), key=lambda name: name.startswith("--"))
    left = ", ".join(names) + (f" {option.metavar}" if option.metavar else "")
    value = "" if option.kind is COUNT else default(option)
    return f"  {left:<27} {option.help}" + (f" [{value}]" if value else "")


def _run(config: Config) -> int:
    """`vtep`: run the daemon until SIGINT or SIGTERM."""
    from vtep.control.service import open_listeners
    from vtep.daemon.process import reserve_stdio, run
    from vtep.errors import HostError

    try:
        reserve_stdio(config.ready_fd)
        with open_listeners(config) as service:
            return run(config, service)
    except HostError as error:
        raise UsageError(str(error)) from error


def _check(words: Sequence[str]) -> int:
    """`vtep check`: print the configuration; do not look at the host."""
    return _configured(words, _print_config)


def _print_config(config: Config) -> int:
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


def _command(name: str) -> Callable[[Sequence[str]], int]:
    if name == "check":
        return _check
    if name in COMMANDS:
        return COMMANDS[name].run
    raise UsageError(
        f"command {name!r}: unknown; {did_you_mean(name, ['check', *COMMANDS], _SEE_HELP)}"
    )


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options in `words` as texts, in the form that from_arguments takes."""
    parser = Parser("", "", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    known = ["--help", "--version"]
    for option in OPTIONS:
        names = [option.flag, *option.aliases]
        known += names
        if option.kind in (BOOLEAN, COUNT):
            parser.add_argument(*names, dest=option.dest, action="append_const", const="yes")
        elif option.kind is PORT_RANGE:
            parser.add_argument(*names, dest=option.dest, action="append", nargs=2)
        else:
            parser.add_argument(*names, dest=option.dest, action="append")
        if option.kind is BOOLEAN:
            no = option.flag.replace("--", "--no-", 1)
            known.append(no)
            parser.add_argument(no, dest=option.dest, action="append_const", const="no")
    arguments, unknown = parser.parse_known_args(words)
    for word in unknown:
        if not word.startswith("-"):
            raise UsageError(f"argument {word!r}: unexpected; write each value after its option")
        name = word.partition("=")[0]
        raise UsageError(f"option {name!r}: unknown; {did_you_mean(name, known, _SEE_HELP)}")
    for option in OPTIONS:
        if option.kind is PORT_RANGE and (ranges := getattr(arguments, option.dest)):
            setattr(arguments, option.dest, [" ".join(ports) for ports in ranges])
    return arguments
