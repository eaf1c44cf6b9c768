"""`vtep capture`: record the frames of a running daemon, both sides of the tunnel, as pcapng."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

from vtep.cli.commands.common import DAEMON_GONE, add_socket
from vtep.cli.commands.streaming import (
    STDOUT,
    BlockSplitter,
    Interrupts,
    interrupt_when_reader_ends,
    write_all,
)
from vtep.cli.commands.words import parse_tap
from vtep.config.arguments import Parser
from vtep.control.client.client import Gone
from vtep.control.client.discover import find
from vtep.control.query import CAPTURE_KEYS, read_capture
from vtep.errors import UsageError

_EXAMPLES = """\
Examples:
  Record ten frames into a file:
    vtep capture -o vxlan.pcapng --count 10
  Print the reason of every drop:
    vtep capture -o - --reason any | tshark -r - -T fields -e frame.comment
  Show frames live in Wireshark:
    vtep capture -o - | wireshark -k -i -

Each frame is recorded twice: on the TAP as an Ethernet frame, and on the
underlay as the IP packet around it. A comment has the decision, or the reason
for a drop.
"""


def build(parser: Parser) -> None:
    """Add description and arguments of `vtep capture` to a parser."""
    parser.set_defaults(run=run)
    parser.description = "Record the frames of a running vtep in a pcapng file."
    parser.epilog = _EXAMPLES
    parser.add_argument("words", nargs="*", metavar="TAP", help="[dev] TAP: record this TAP only")
    add_socket(parser)
    parser.add_argument(
        *["-o", "--output"], metavar="FILE", required=True, help="write to FILE, or - for stdout"
    )
    for key, metavar, summary in (
        ("count", "N", "stop after N frames"),
        ("seconds", "S", "stop after S seconds"),
        ("size", "BYTES", "stop before the file exceeds BYTES"),
        ("vni", "VNI", "record this overlay only"),
        ("mac", "MAC", "record frames from or to this MAC only"),
        ("peer", "ADDRESS", "record frames to or from this VTEP only"),
        ("reason", "REASON", 'record dropped frames only; REASON or "any"'),
        ("snaplen", "N", "keep N bytes of each packet"),
    ):
        parser.add_argument(f"--{key}", metavar=metavar, help=summary)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        UsageError: an argument is wrong, or no daemon matches.
    """
    arguments.dev = parse_tap(arguments.words)
    query = {key: value for key in CAPTURE_KEYS if (value := getattr(arguments, key)) is not None}
    read_capture(query)
    path = arguments.output
    if path == "-" and os.isatty(STDOUT):
        raise UsageError(
            "standard output: a terminal, and pcapng is binary; use -o FILE, or a pipe"
        )
    client = find(arguments.socket, arguments.dev)
    splitter = BlockSplitter()
    with Interrupts().deferred() as interrupts:
        try:
            with client.stream("/v1/capture", query, timeout=None) as parts:
                copy_blocks(parts, splitter, path, interrupts)
        except (KeyboardInterrupt, BrokenPipeError):
            pass
        except Gone as error:
            what = f"{error.fact}, and the file is complete up to there"
            print(f"vtep: error: {what}; {error.remedy}", file=sys.stderr)
            return DAEMON_GONE
        except OSError as error:
            why = f"cannot write {path} ({error.strerror}); the file is complete up to there"
            print(f"vtep: error: {why}", file=sys.stderr)
            return 1
    with suppress(BrokenPipeError):
        print(_summary(splitter), file=sys.stderr)
    return 0


def copy_blocks(
    parts: Iterator[bytes], splitter: BlockSplitter, path: str, interrupts: Interrupts
) -> None:
    """Copy a stream in whole blocks to its end; create the file when there is data for it.

    Raises:
        UsageError: the file cannot be created.
    """
    out: int | None = None
    written = 0
    try:
        while True:
            with interrupts.allowed():
                part = next(parts, b"")
            if not part:
                return
            blocks = splitter.feed(part)
            if out is None:
                with interrupts.allowed():  # opening a named pipe waits for its reader
                    out = _open(path)
                interrupt_when_reader_ends(out)
            try:
                write_all(out, blocks)
            except OSError:
                if out != STDOUT:
                    _truncate(out, written)
                raise
            written += len(blocks)
    finally:
        if out not in (None, STDOUT):
            os.close(out)


def _open(path: str) -> int:
    if path == "-":
        return STDOUT
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}; choose another file") from error


def _truncate(out: int, octets: int) -> None:
    """Remove part of a block from the end of a file, for example when the disk is full."""
    with suppress(OSError):  # not a regular file
        os.ftruncate(out, octets)


def _summary(splitter: BlockSplitter) -> str:
    inner, outer = _plural(splitter.inner, "frame"), _plural(splitter.outer, "packet")
    lost = f"; {_plural(splitter.lost, 'frame')} lost: read too slowly" if splitter.lost else ""
    return f"vtep: captured {inner} inside, {outer} outside{lost}"


def _plural(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
