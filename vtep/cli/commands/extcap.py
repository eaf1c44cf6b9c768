"""The running daemons as interfaces of Wireshark: what it asks an external capture program.

Wireshark starts the program once for each question (its User's Guide, appendix D, "extcap"), and to
capture with a named pipe, which gets the pcapng of `vtep capture`.  `vtep extcap install` makes the
program: a script of three lines that ends up here.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from vtep import __version__
from vtep.cli.commands import capture
from vtep.control.client.discover import Found, runtime
from vtep.control.unix_socket import SUFFIX
from vtep.dataplane.counters import Drop
from vtep.errors import UsageError

PREFIX = "vtep-"
_SELECTORS = ("vni", "mac", "peer", "reason")


def main(words: Sequence[str]) -> int:
    """Answer one question; return the exit code."""
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
        print("no filter expression: set VNI, MAC, peer or reason in the options of the interface")
    return 0


def _interfaces() -> Iterator[str]:
    yield f"extcap {{version={__version__}}}"
    for found in runtime():
        taps = ", ".join(found.taps)
        yield f"interface {{value={_name(found)}}}{{display=VXLAN of {taps}, inside and outside}}"


def _options() -> Iterator[str]:
    """Yield what can be set for a capture; Wireshark gives it back as an option of that name."""
    head = "arg {{number={}}}{{call=--{}}}{{display={}}}{{type={}}}{{tooltip={}}}"
    yield head.format(0, "vni", "VNI", "string", "only this overlay")
    yield head.format(1, "mac", "MAC", "string", "only frames from or to this MAC")
    yield head.format(2, "peer", "Peer", "string", "only to or from this VTEP")
    yield head.format(3, "reason", "Dropped", "selector", "only what was dropped for this reason")
    yield "value {arg=3}{value=}{display=all frames, dropped or not}{default=true}"
    yield "value {arg=3}{value=any}{display=all that is dropped}{default=false}"
    for drop in Drop:
        yield f"value {{arg=3}}{{value={drop}}}{{display={drop}: {drop.meaning}}}{{default=false}}"


def _capture(arguments: argparse.Namespace) -> int:
    if not arguments.fifo:
        raise UsageError("--capture needs --fifo FILE")
    for found in runtime():
        if _name(found) == arguments.extcap_interface:
            words = ["--socket", found.path, "--output", arguments.fifo]
            for key in _SELECTORS:
                value = getattr(arguments, key)
                words += [f"--{key}={value}"] if value else []
            return capture.main(words)
    raise UsageError(f"no vtep runs that is {arguments.extcap_interface}: refresh the interfaces")


def _name(found: Found) -> str:
    """Return the name of its interface: that of its socket, of which there is one only."""
    return PREFIX + found.path.rpartition("/")[2].removesuffix(SUFFIX)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("vtep", allow_abbrev=False)
    for flag in ("--extcap-interfaces", "--extcap-dlts", "--extcap-config", "--capture"):
        parser.add_argument(flag, action="store_true")
    for option in ("--extcap-interface", "--extcap-capture-filter", "--fifo"):
        parser.add_argument(option)
    for key in _SELECTORS:
        parser.add_argument(f"--{key}")
    return parser.parse_known_args(words)[0]  # newer versions of Wireshark say more
