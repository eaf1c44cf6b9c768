"""Read /proc: the owner of a UDP port, drops of devices, counters of forwarding."""

import os
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

_TX_DROPPED = 11
"""Column of /proc/net/dev: after 8 columns for reception come octets, packets, errors, dropped."""

_MAX_PROCESSES = 4096
"""Limit of the search for an owner; it only serves an error message."""


class Forwarding(NamedTuple):
    """Forwarded packets since the network namespace was created; a GSO packet counts as one.

    Attributes:
        sent: transmitted packets; too low if a firewall drops packets that this host itself sends.
        too_large: packets dropped because they exceed the MTU and have DF set.
    """

    sent: int
    too_large: int


def udp_owner(port: int) -> str | None:
    """Return "NAME, pid N" of a process with a socket on UDP *port*, or None if not found.

    Without privileges only processes of the same user are visible.
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
    """Return how many frames each of *devices* has dropped on transmission since its creation."""
    found = {}
    for line in _lines("/proc/net/dev")[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() in devices:
            found[name.strip()] = int(numbers.split()[_TX_DROPPED])
    return found


def forwarding(is_ipv6: bool) -> Forwarding:
    """Return the counters of packets that this network namespace forwarded.

    The kernel's own counter of forwarded packets includes failed attempts. So the result is the
    number of transmitted packets minus the packets that this host itself sent
    (ipSystemStatsOutTransmits and OutRequests, RFC 4293).
    """
    if is_ipv6:
        fields = (line.split() for line in _lines("/proc/net/snmp6"))
        found = {field[0].removeprefix("Ip6"): int(field[1]) for field in fields}
    else:
        lines = [line.split() for line in _lines("/proc/net/snmp") if line.startswith("Ip:")]
        names, numbers = lines or ([], [])
        found = dict(zip(names[1:], map(int, numbers[1:]), strict=True))
    transmitted, own = found.get("OutTransmits", 0), found.get("OutRequests", 0)
    return Forwarding(transmitted - own, found.get("FragFails", 0))


def _inodes(port: int) -> set[str]:
    """Return the inodes of the user-space sockets on *port* in our network namespace."""
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
        pass  # the process has ended, or its files are not readable for us
    return links


def _name(pid: str) -> str:
    return "".join(_lines(f"/proc/{pid}/comm")[:1]) or "a process"
