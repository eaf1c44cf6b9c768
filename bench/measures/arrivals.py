"""Datagrams that reached the network stack of a namespace, counted by the kernel.

A device counts a GSO frame as one packet, whatever the number of its datagrams. The IP layer
counts segments (InNoECTPkts, ip_rcv_core in net/ipv4/ip_input.c, ip6_rcv_core in
net/ipv6/ip6_input.c), before any socket can drop them.
"""

from pathlib import Path

_PACKETS = ("IpExt.InNoECTPkts", "Ip6InNoECTPkts")
_OTHERS = ("Tcp.InSegs", "Icmp.InMsgs", "Icmp6InMsgs")


def arrived(pid: int) -> int:
    """Return the UDP datagrams that the namespace of process *pid* has received so far.

    The control connection of iperf3 may change it by a few, because TCP counts merged segments
    once.
    """
    folder = Path(f"/proc/{pid}/net")
    counters: dict[str, int] = {}
    for name in ("netstat", "snmp"):
        counters |= in_pairs((folder / name).read_text())
    if (folder / "snmp6").exists():
        counters |= in_rows((folder / "snmp6").read_text())
    return datagrams(counters)


def datagrams(counters: dict[str, int]) -> int:
    """Return all received IP packets except TCP and ICMP."""
    return sum(counters.get(name, 0) for name in _PACKETS) - sum(
        counters.get(name, 0) for name in _OTHERS
    )


def in_pairs(text: str) -> dict[str, int]:
    """Read /proc/net/snmp or netstat: pairs of lines, names and values, with a prefix."""
    lines = text.splitlines()
    counters = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        prefix, *words = names.split()
        for name, value in zip(words, values.split()[1:], strict=True):
            counters[prefix.removesuffix(":") + "." + name] = int(value)
    return counters


def in_rows(text: str) -> dict[str, int]:
    """Read /proc/net/snmp6: a name and a value in each line."""
    return {name: int(value) for name, value in map(str.split, text.splitlines())}
