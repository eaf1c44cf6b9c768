"""`vtep capture`: what a running daemon forwards, both sides of it, as pcapng."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from vtep.cli.commands.blocks import Blocks
from vtep.cli.commands.common import WENT_AWAY, add_socket, tap_of
from vtep.cli.commands.streaming import STDOUT, Interrupts, interrupt_when_nobody_reads, write_all
from vtep.config.arguments import Parser
from vtep.control.client.client import Gone
from vtep.control.client.discover import find
from vtep.errors import UsageError
from vtep.trace.filters import KEYS, read

_EXAMPLES = """\
Examples:
  The next ten frames into a file:
    vtep capture -o vxlan.pcapng --count 10
  What is dropped, and why:
    vtep capture -o - --reason any | tshark -r - -T fields -e frame.comment
  Live in Wireshark:
    vtep capture -o - | wireshark -k -i -

Each frame is there twice: on the TAP, as an Ethernet frame, and on the underlay,
as the IP packet around it. A comment says what was decided, or why it was dropped.
"""


def main(words: Sequence[str]) -> int:
    """Carry out the command; return the exit code.

    Raises:
        ConfigError: it cannot be carried out as given.
    """
    arguments = _parse(words)
    arguments.dev = tap_of(arguments.words)
    query = {key: value for key in KEYS if (value := getattr(arguments, key)) is not None}
    read(query)
    path = arguments.output
    if path == "-" and os.isatty(STDOUT):
        raise UsageError("a capture is no text for a terminal: use -o FILE, or a pipe behind it")
    client = find(arguments.socket, arguments.dev)
    blocks = Blocks()
    with Interrupts().held() as interrupts:
        try:
            with client.stream("/v1/capture", query, timeout=None) as parts:
                _copy(parts, blocks, path, interrupts)
        except (KeyboardInterrupt, BrokenPipeError):
            pass
        except Gone as error:
            print(f"vtep: error: {error}; the capture is whole up to there", file=sys.stderr)
            return WENT_AWAY
        except OSError as error:
            why = f"cannot write {path} ({error.strerror}); the capture is whole up to there"
            print(f"vtep: error: {why}", file=sys.stderr)
            return 1
    with suppress(BrokenPipeError):
        print(_summary(blocks), file=sys.stderr)
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser("capture", "Write what a running vtep forwards into a pcapng file.")
    parser.epilog = _EXAMPLES
    parser.add_argument("words", nargs="*", metavar="TAP", help="[dev] TAP: only of this one")
    add_socket(parser)
    parser.add_argument(
        *["-o", "--output"], metavar="FILE", required=True, help="where to; - for standard output"
    )
    for key, metavar, summary in (
        ("count", "N", "end after N frames"),
        ("seconds", "S", "end after S seconds"),
        ("size", "OCTETS", "end before the file is longer"),
        ("vni", "VNI", "only this overlay"),
        ("mac", "MAC", "only frames from or to this MAC"),
        ("peer", "ADDRESS", "only to or from this VTEP"),
        ("reason", "REASON", "only what was dropped for this reason, or any"),
        ("snaplen", "N", "keep N octets of each packet"),
    ):
        parser.add_argument(f"--{key}", metavar=metavar, help=summary)
    return parser.parse_intermixed_args(words)


def _copy(parts: Iterator[bytes], blocks: Blocks, path: str, interrupts: Interrupts) -> None:
    """Copy a stream to its end, whole blocks only; a file is made when there is something in it.

    Raises:
        ConfigError: the file cannot be made.
    """
    out: int | None = None
    written = 0
    try:
        while True:
            with interrupts.let_through():
                part = next(parts, b"")
            if not part:
                return
            whole = blocks.whole(part)
            if out is None:
                with interrupts.let_through():  # a named pipe waits for its reader
                    out = _open(path)
                interrupt_when_nobody_reads(out)
            try:
                write_all(out, whole)
            except OSError:
                if out != STDOUT:
                    _cut(out, written)
                raise
            written += len(whole)
    finally:
        if out not in (None, STDOUT):
            os.close(out)


def _open(path: str) -> int:
    if path == "-":
        return STDOUT
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"cannot write {path} ({error.strerror}): correct --output") from error


def _cut(out: int, octets: int) -> None:
    """Take a part of a block away from the end of a file, as when the disk was full."""
    with suppress(OSError):  # what is no file keeps what it has
        os.ftruncate(out, octets)


def _summary(blocks: Blocks) -> str:
    counted = f"{_some(blocks.inner, 'frame')} inside, {_some(blocks.outer, 'packet')} outside"
    lost = f"; {_some(blocks.lost, 'frame')} lost, not read fast enough" if blocks.lost else ""
    return f"vtep: captured {counted}{lost}"


def _some(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
