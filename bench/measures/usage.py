"""CPU time of the tunnel's processes and of the whole machine, and memory of the processes.

Read from /proc (proc_pid_stat(5), proc_stat(5), proc_pid_status(5)).
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measures.metric import MACHINE, PEAK, TUNNEL, Values

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def process_seconds(stat: str) -> float:
    """Return utime + stime of all threads, in seconds, from the text of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()  # the name before it may contain spaces and brackets
    return (int(fields[11]) + int(fields[12])) * _TICK


def machine_seconds(stat: str) -> float:
    """Return the busy time of all processors in seconds, from the text of /proc/stat.

    It does not include time stolen by the hypervisor. "user" includes the time of guests.
    """
    user, nice, system, _idle, _iowait, irq, softirq = map(int, stat.split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) * _TICK


def peak_octets(status: str) -> int:
    """Return VmHWM, the peak of resident memory, from the text of /proc/PID/status."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def resident_octets(pid: int) -> int:
    """Return VmRSS, the resident memory of the process."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@contextmanager
def measured(pids: Iterable[int]) -> Iterator[Values]:
    """Yield a dictionary that gets CPU seconds and memory at the end of the block.

    Its keys are those of USAGE; per_gigabyte() divides the seconds by the amount of data.
    """
    pids = tuple(pids)
    values: Values = {}
    tunnel, machine = _tunnel(pids), _machine()
    yield values
    values[MACHINE.key] = _machine() - machine
    if pids:
        values[TUNNEL.key] = _tunnel(pids) - tunnel
        peaks = [peak_octets(Path(f"/proc/{pid}/status").read_text()) for pid in pids]
        values[PEAK.key] = sum(peaks) / 1e6


def per_gigabyte(values: Values, octets: float) -> Values:
    """Return *values* of measured() with seconds for 10^9 of *octets*."""
    per_gb = (TUNNEL.key, MACHINE.key)
    if octets <= 0:
        return {key: value for key, value in values.items() if key not in per_gb}
    return {key: v / octets * 1e9 if key in per_gb else v for key, v in values.items()}


def _tunnel(pids: tuple[int, ...]) -> float:
    return sum(process_seconds(Path(f"/proc/{pid}/stat").read_text()) for pid in pids)


def _machine() -> float:
    return machine_seconds(Path("/proc/stat").read_text())
