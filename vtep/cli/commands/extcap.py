"""Running daemons as interfaces of Wireshark: `vtep extcap`, and the program it installs.

Wireshark starts an extcap program once for each query (User's Guide, appendix D), and to capture
into a named pipe. `vtep extcap install` writes this program: a script that calls `main` here.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from vtep import __version__
from vtep.cli.commands import capture
from vtep.config.arguments import Parser
from vtep.control.client.discover import Found, running_daemons
from vtep.control.unix_socket import SUFFIX
from vtep.dataplane.counters import Drop
from vtep.errors import UsageError

_PREFIX = "vtep-"
_FILTERS = ("vni", "mac", "peer", "reason")

_PROGRAM = "vtep"
_MARK = "# Made by `vtep extcap install`; `vtep extcap uninstall` removes it."
_CODE = (
    "import sys; sys.path.insert(0, {}); "
    "from vtep.cli.commands.extcap import main; sys.exit(main(sys.argv[1:]))"
)
_TSHARK_TIMEOUT_S = 10.0
_NOTES = """\
Wireshark then lists each running vtep as an interface, such as vtep-vx0; so
does tshark -D. Only the user of the vtep and root can capture from it.
"""


# -- the program that Wireshark starts


def main(words: Sequence[str]) -> int:
    """Answer one query of Wireshark, or capture; return the exit code."""
    try:
        return _answer(_parse(words))
    except UsageError as error:
        print(f"vtep: {error}", file=sys.stderr)
        return 2


def _answer(arguments: argparse.Namespace) -> int:
    if arguments.extcap_interfaces:
        print("\n".join(_interfaces()))
    elif arguments.extcap_dlts:
        print("dlt {number=1}{name=EN10MB}{display=Ethernet inside, IP outside}")
    elif arguments.extcap_config:
        print("\n".join(_options()))
    elif arguments.capture:
        return _capture(arguments)
    elif arguments.extcap_capture_filter:
        print("capture filters: not supported; set VNI, MAC, peer or reason in the options")
    return 0


def _interfaces() -> Iterator[str]:
    yield f"extcap {{version={__version__}}}"
    for found in running_daemons():
        taps = ", ".join(found.taps)
        yield f"interface {{value={_name(found)}}}{{display=VXLAN of {taps}, inside and outside}}"


def _options() -> Iterator[str]:
    """Yield the options of a capture; Wireshark passes them back under the same names."""
    head = "arg {{number={}}}{{call=--{}}}{{display={}}}{{type={}}}{{tooltip={}}}"
    yield head.format(0, "vni", "VNI", "string", "record this overlay only")
    yield head.format(1, "mac", "MAC", "string", "record frames from or to this MAC only")
    yield head.format(2, "peer", "Peer", "string", "record frames to or from this VTEP only")
    yield head.format(3, "reason", "Dropped", "selector", "record dropped frames only")
    yield "value {arg=3}{value=}{display=all frames, dropped or not}{default=true}"
    yield "value {arg=3}{value=any}{display=all dropped frames}{default=false}"
    for drop in Drop:
        yield f"value {{arg=3}}{{value={drop}}}{{display={drop}: {drop.meaning}}}{{default=false}}"


def _capture(arguments: argparse.Namespace) -> int:
    if not arguments.fifo:
        raise UsageError("--capture: no pipe to write to; add --fifo FILE")
    for found in running_daemons():
        if _name(found) == arguments.extcap_interface:
            words = ["--socket", found.path, "--output", arguments.fifo]
            for key in _FILTERS:
                value = getattr(arguments, key)
                words += [f"--{key}={value}"] if value else []
            parser = Parser("vtep capture")
            capture.build(parser)
            return capture.run(parser.parse_command(words))
    raise UsageError(f"{arguments.extcap_interface}: not running; refresh the interfaces")


def _name(found: Found) -> str:
    """Return the interface name of a daemon: that of its control socket, which is unique."""
    return _PREFIX + found.path.rpartition("/")[2].removesuffix(SUFFIX)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("vtep", allow_abbrev=False)
    for flag in ("--extcap-interfaces", "--extcap-dlts", "--extcap-config", "--capture"):
        parser.add_argument(flag, action="store_true")
    for option in ("--extcap-interface", "--extcap-capture-filter", "--fifo"):
        parser.add_argument(option)
    for key in _FILTERS:
        parser.add_argument(f"--{key}")
    return parser.parse_known_args(words)[0]  # newer versions of Wireshark add options


# -- vtep extcap


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep extcap` to a parser."""
    parser.set_defaults(run=_run)
    parser.description = "Show running vteps as interfaces in Wireshark."
    parser.epilog = _NOTES
    parser.add_argument("action", choices=("install", "uninstall"), metavar="install|uninstall")
    parser.add_argument("--dir", metavar="DIR", help="use DIR instead of your extcap folder")


def _run(arguments: argparse.Namespace) -> int:
    """Install or remove the program; return the exit code.

    Raises:
        UsageError: the folder cannot be written.
    """
    path = (Path(arguments.dir) if arguments.dir else _personal_folder()) / _PROGRAM
    try:
        if arguments.action == "install":
            _install(path)
            print(f"installed {path}")
        else:
            _uninstall(path)
            print(f"removed {path}")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot {arguments.action} it ({error.strerror}); use another --dir"
        ) from error
    return 0


def script() -> str:
    """Return the program: it runs this version of vtep with the Python that runs now."""
    root = repr(str(Path(__file__).resolve().parents[3]))
    run = shlex.join([sys.executable, "-c", _CODE.format(root)])
    return f'#!/bin/sh\n{_MARK}\nexec {run} "$@"\n'


def _install(path: Path) -> None:
    if path.exists() and not _is_ours(path):
        raise UsageError(f"{path}: another program; remove it, or use another --dir")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{_PROGRAM}-{os.getpid()}")
    fresh.write_text(script())
    fresh.chmod(0o755)
    fresh.replace(path)


def _uninstall(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path}: does not exist; use the --dir it was installed in")
    if not _is_ours(path):
        raise UsageError(f"{path}: another program; remove it yourself")
    path.unlink()


def _is_ours(path: Path) -> bool:
    return _MARK in path.read_text(errors="replace")


def _personal_folder() -> Path:
    """Return this user's extcap folder; tshark knows it, and it differs between versions."""
    folders = _wireshark_folders()
    if "Personal Extcap path" in folders:
        return Path(folders["Personal Extcap path"])
    if "Personal configuration" in folders:
        return Path(folders["Personal configuration"]) / "extcap"
    return Path.home() / ".local/lib/wireshark/extcap"


def _wireshark_folders() -> dict[str, str]:
    try:
        done = subprocess.run(
            ["tshark", "-G", "folders"],
            capture_output=True,
            text=True,
            timeout=_TSHARK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {name.strip(): path.strip() for name, _, path in pairs}
