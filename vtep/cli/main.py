"""The command line: arguments become a Config, and a command that does something with it.

What a command needs beyond the standard library is imported by that command alone, so that one
that only asks or checks starts at once.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence

from vtep import __version__
from vtep.cli.registry import COMMANDS
from vtep.config.arguments import Parser
from vtep.config.load import from_arguments
from vtep.config.model import Config, default
from vtep.config.options import BOOLEAN, COUNT, GROUPS, OPTIONS, PORT_RANGE, Option
from vtep.errors import UsageError

USAGE_ERROR = 2
"""Exit code when the command cannot be carried out as given; one line on stderr says why."""

OUTPUT_ERROR = 1
"""Exit code when the command was right, and its output found no room."""

_USAGE = """\
vtep joins Ethernets over an IP network: a VXLAN tunnel endpoint (RFC 7348).

  vtep --tap NAME --vni VNI --peer HOST [option ...]   join one, until SIGINT
  vtep --config FILE                                   join several
  vtep check [option ...]                              check only; needs no root
"""
_MORE = """\
Look into one that runs, or learn what it does; each has a --help of its own:
"""[:-1]
_EXAMPLES = """\
Examples:
  Join a TAP to the VTEP at 10.0.1.41:
    vtep --tap vx0 --vni 100 --peer 10.0.1.41
  Join a Docker network to the same one on another host:
    vtep --tap vx0 --vni 100 --peer 10.0.1.41 --docker-network vxlan-net

In brackets: what goes when an option is not given. Each is also a key of the
file and a variable, as VTEP_TAP or VTEP_PEER: see docs/options.md.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the command line `argv` (default: this process's) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a comment in a capture may have any letter
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if words and not words[0].startswith("-"):
            code = _command(words[0])(words[1:])
        else:
            code = _configured(words, _run)
        if sys.stdout is not None:  # as where the daemon was started with none
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has seen enough, as in `vtep fdb show | head`
        _give_up_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _give_up_output()
        print(f"vtep: error: the output cannot be written: {error.strerror}", file=sys.stderr)
        return OUTPUT_ERROR
    except UsageError as error:
        print("vtep: error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130  # as a shell has it for SIGINT; only before the daemon handles it


def _give_up_output() -> None:
    """Let what is still in the buffer go nowhere, so that it makes no trouble at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _configured(words: Sequence[str], command: Callable[[Config], int]) -> int:
    """Carry out a command that takes the options of the daemon."""
    arguments = _parse(words)
    if arguments.help:
        print(help_text(), end="")
        return 0
    if arguments.version:
        print(f"vtep {__version__}")
        return 0
    return command(from_arguments(arguments, os.environ))


def help_text() -> str:
    """Return what --help prints."""
    commands = [f"  {one.usage:<28} {one.help}" for one in COMMANDS.values()]
    sections = [_USAGE, "\n".join([_MORE, *commands]) + "\n"]
    for group in GROUPS:
        lines = [_help_line(option) for option in OPTIONS if option.group == group]
        sections.append("\n".join([f"{group}:", *lines]) + "\n")
    sections[-1] += f"  {'-h, --help':<27} print this\n  {'--version':<27} print the version\n"
    return "\n".join([*sections, _EXAMPLES])


def _help_line(option: Option) -> str:
    flag = option.flag.replace("--", "--[no-]", 1) if option.kind is BOOLEAN else option.flag
    others = [name for name in option.aliases if name != f"--{option.key.replace('-', '')}"]
    names = sorted((flag, *others), key=lambda name: name.startswith("--"))
    left = ", ".join(names) + (f" {option.metavar}" if option.metavar else "")
    value = "" if option.kind is COUNT else default(option)
    return f"  {left:<27} {option.help}" + (f" [{value}]" if value else "")


def _run(config: Config) -> int:
    """`vtep`: be the VTEP until SIGINT or SIGTERM."""
    from vtep.control.service import open_doors
    from vtep.daemon.process import run, settle_descriptors
    from vtep.errors import HostError

    try:
        settle_descriptors(config.ready_fd)
        with open_doors(config) as doors:
            return run(config, doors)
    except HostError as error:
        raise UsageError(str(error)) from error


def _check(words: Sequence[str]) -> int:
    """`vtep check`: say what would run; the host is not asked."""
    return _configured(words, _say_what_would_run)


def _say_what_would_run(config: Config) -> int:
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
    raise UsageError(f"unknown command {name!r}: {_suggestion(name, ['check', *COMMANDS])}")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options in `words` as texts (from_arguments tells their shape)."""
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
            raise UsageError(f"unexpected {word!r}: write each value behind its option")
        name = word.partition("=")[0]
        raise UsageError(f"unknown option {name!r}: {_suggestion(name, known)}")
    for option in OPTIONS:
        if option.kind is PORT_RANGE and (ranges := getattr(arguments, option.dest)):
            setattr(arguments, option.dest, [" ".join(ports) for ports in ranges])
    return arguments


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Say what was probably meant by the unknown `name`."""
    import difflib  # for a mistake only

    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else "vtep --help lists what there is"
