"""What /proc can tell: which process has a UDP port, what devices had to drop."""

import os
from collections.abc import Container
from pathlib import Path

_TX_DROPPED = 11
"""The column of /proc/net/dev: 8 for what was received, then octets, packets, errors, dropped."""

_MAX_PROCESSES = 4096
"""Where more run, the search is given up: it only serves an error message."""


def udp_owner(port: int) -> str | None:
    """Return "NAME, pid N" of a process with a socket on UDP *port*; None where not found.

    Without privileges only processes of the same user are seen.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not sockets:
        return None
    processes = [entry for entry in os.listdir("/proc") if entry.isdigit()]
    for pid in processes[:_MAX_PROCESSES]:
        if sockets & _open_files(pid):
            return f"{_name(pid)}, pid {pid}"
    return None


def tx_dropped(devices: Container[str]) -> dict[str, int]:
    """Return how many frames each of *devices* has dropped for want of room, since it exists."""
    found = {}
    for line in _lines("/proc/net/dev")[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() in devices:
            found[name.strip()] = int(numbers.split()[_TX_DROPPED])
    return found


def forwarded(is_ipv6: bool) -> int:
    """Return how many packets the kernel has forwarded in this network namespace, firewall past.

    The octets of a super-frame count as one packet.  RFC 4293: ipSystemStatsOutForwDatagrams.
    """
    if is_ipv6:
        for line in _lines("/proc/net/snmp6"):
            name, _, number = line.partition(" ")
            if name == "Ip6OutForwDatagrams":
                return int(number)
        return 0
    names, numbers = [line.split() for line in _lines("/proc/net/snmp") if line.startswith("Ip:")]
    return int(numbers[names.index("ForwDatagrams")])


def _inodes(port: int) -> set[str]:
    """Return the inodes of the sockets on *port* in our network namespace; a kernel's has none."""
    found = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in _lines(table)[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                found.add(fields[9])
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _open_files(pid: str) -> set[str]:
    links = set()
    try:
        for fd in os.scandir(f"/proc/{pid}/fd"):
            links.add(os.readlink(fd.path))
    except OSError:
        pass  # it ended meanwhile, or is not ours to look at
    return links


def _name(pid: str) -> str:
    return "".join(_lines(f"/proc/{pid}/comm")[:1]) or "a process"
