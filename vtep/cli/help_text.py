"""The texts of `vtep` and `vtep --help`."""

from collections.abc import Iterable

from vtep.cli.command import Command
from vtep.config.model import default
from vtep.config.options import BOOLEAN, COUNT, GROUPS, OPTIONS, Option

_INTRODUCTION = """\
vtep connects Ethernet segments across an IP network.
It is a VXLAN tunnel endpoint (RFC 7348).

  vtep --tap NAME --vni VNI --peer HOST [option ...]  run one overlay
  vtep --config FILE                                  run several overlays
"""
_COMMANDS = "Commands; vtep help COMMAND explains one:"
_MORE = "vtep --help also explains the options.\n"
_EXAMPLES = """\
Examples:
  Connect a TAP to the VTEP at 10.0.1.41:
    vtep --tap vx0 --vni 100 --peer 10.0.1.41
  Connect a Docker network to the same network on another host:
    vtep --tap vx0 --vni 100 --peer 10.0.1.41 --docker-network vxlan-net

Defaults are in brackets. Each option is also a key of the configuration file
and an environment variable, such as VTEP_TAP or VTEP_PEER: see docs/options.md.
"""


def text(commands: Iterable[Command]) -> str:
    """Return the text of `vtep --help`."""
    sections = [_usage(commands)]
    for group in GROUPS:
        lines = [_option_line(option) for option in OPTIONS if option.group == group]
        sections.append("\n".join([f"{group}:", *lines]) + "\n")
    sections[-1] += f"  {'-h, --help':<27} print this help\n"
    sections[-1] += f"  {'-V, --version':<27} print the version\n"
    return "\n".join([*sections, _EXAMPLES])


def usage(commands: Iterable[Command]) -> str:
    """Return the text of `vtep` alone: the commands, and where to read about options."""
    return f"{_usage(commands)}\n{_MORE}"


def with_default(option: Option) -> str:
    """Return the help of an option, with its default in brackets."""
    value = "" if option.kind is COUNT else default(option)
    return option.help + (f" [{value}]" if value else "")


def _usage(commands: Iterable[Command]) -> str:
    """Return the first part of the text: the forms of the command line, and the commands."""
    lines = [f"  {command.usage:<28} {command.help}" for command in commands]
    return "\n".join([_INTRODUCTION, _COMMANDS, *lines]) + "\n"


def _option_line(option: Option) -> str:
    flag = option.flag.replace("--", "--[no-]", 1) if option.kind is BOOLEAN else option.flag
    others = [name for name in option.aliases if name != f"--{option.key.replace('-', '')}"]
    names = sorted((flag, *others), key=lambda name: name.startswith("--"))
    left = ", ".join(names) + (f" {option.metavar}" if option.metavar else "")
    return f"  {left:<27} {with_default(option)}"
