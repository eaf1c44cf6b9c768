"""Profiles of both daemons during one TCP stream."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.contenders import Contender
from bench.profiling.stacks import IDLE, Sample, functions, groups, parse
from bench.rig import CannotStart, Joined, Rig, joined
from vtep.lab import LabError, Process, iperf3_command, iperf3_server, wait_until
from vtep.lab.command import environment, execute

PYTHONS = ("vtep", "vtep-inject", "vtep-plain", "loop")
"""Contenders that py-spy can profile."""

_RATE = 200  # samples a second
_ENDS = ("sender's end", "receiver's end")
_FUNCTIONS = 18
_EXTRA_S = 30.0


def run(
    rig: Rig, contender: Contender, seconds: int, console: Console, output: Path | None
) -> None:
    """Show the CPU time of both daemons during *seconds* of a TCP stream.

    *output* is a directory for the stacks, in the format of flame graph tools.

    Raises:
        LabError: py-spy is missing or lacks permission, or the contender does not start.
    """
    try:
        with joined(rig, contender) as ends, tempfile.TemporaryDirectory() as folder:
            _show(ends, f"{contender.what}, {rig}", seconds, console, output or Path(folder))
    except CannotStart as error:
        raise LabError(f"{contender.name}: does not start: {error}") from None


def _show(ends: Joined, what: str, seconds: int, console: Console, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = iperf3_command(ends.address, seconds=3 * seconds + round(_EXTRA_S))
    with iperf3_server(ends.server), ends.client.start(command) as client:
        before = _arrived(ends)
        wait_until(
            lambda: _arrived(ends) > before + 10_000_000 or client.exit_code is not None,
            what="the TCP stream to flow",
        )
        profiles = _py_spy(ends, seconds, folder)
        native = _perf(ends, seconds, folder)
    for end, samples in zip(_ENDS, profiles, strict=True):
        console.print(_groups_table(f"{what}\n{end}: activities", samples))
        console.print(_functions_table(f"{end}: functions, without idle time", samples))
    for end, report in zip(_ENDS, native, strict=False):
        console.print(f"perf, {end}:", style="bold")
        console.print(report, markup=False, soft_wrap=True)


def _py_spy(ends: Joined, seconds: int, folder: Path) -> list[list[Sample]]:
    """Sample both ends at the same time."""
    program = Path(sys.executable).with_name("py-spy")
    if not program.exists():
        raise LabError('py-spy: it is not installed; run pip install ".[bench]"')
    argv = [str(program), "record", "--native", "--idle", "--rate", str(_RATE)]
    argv += ["--duration", str(seconds), "--format", "raw"]
    paths = [folder / f"h{number}.stacks" for number in (1, 2)]
    runs = [
        Process([*argv, "--pid", str(pid), "--output", str(path)])
        for pid, path in zip(ends.pids, paths, strict=True)
    ]
    try:
        for one in runs:
            if one.wait(seconds + _EXTRA_S) != 0:
                raise one.failure("failed")
    finally:
        for one in runs:
            one.close()
    return [parse(path.read_text()) for path in paths]


def _perf(ends: Joined, seconds: int, folder: Path) -> list[str]:
    """Return perf's report of each end, including the kernel; empty if perf does not work."""
    if shutil.which("perf", path=environment()["PATH"]) is None:
        return []
    reports = []
    for number, pid in enumerate(ends.pids, 1):
        data = str(folder / f"h{number}.perf")
        record = ["perf", "record", "-q", "-F", "499", "-p", str(pid), "-o", data]
        options = ["-F", "overhead,dso,symbol", "--percent-limit", "1.5"]
        try:
            execute([*record, "--", "sleep", str(seconds)], timeout=seconds + _EXTRA_S)
            report = execute(
                ["perf", "report", "-q", "--stdio", "-i", data, *options], timeout=_EXTRA_S
            )
        except LabError:
            return []
        finally:
            Path(data).unlink(missing_ok=True)
        reports.append(
            "\n".join(line.rstrip() for line in report.stdout.splitlines() if line.strip())
        )
    return reports


def _groups_table(title: str, samples: Sequence[Sample]) -> Table:
    counted = groups(samples)
    total, idle = counted.total(), counted.pop(IDLE, 0)
    table = _empty(title, "", "of all %", "of busy %")
    table.add_row(IDLE, _percent(idle, total), "")
    for name, count in counted.most_common():
        table.add_row(name, _percent(count, total), _percent(count, total - idle))
    return table


def _functions_table(title: str, samples: Sequence[Sample]) -> Table:
    busy = sum(count for name, count in groups(samples).items() if name != IDLE)
    table = _empty(title, "function", "self %", "inclusive %")
    for share in functions(samples)[:_FUNCTIONS]:
        table.add_row(share.function, _percent(share.own, busy), _percent(share.inclusive, busy))
    return table


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _empty(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _arrived(ends: Joined) -> int:
    return int(ends.server.link("eth0")["stats64"]["rx"]["bytes"])
