"""Settings of the machine and of the rig that affect the figures, and the time stolen from it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vtep.lab import Netns, two_hosts

SYSCTLS = (
    "net.core.default_qdisc",
    "net.core.netdev_max_backlog",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)
FEATURES = (
    "rx-checksumming",
    "tx-checksumming",
    "scatter-gather",
    "tcp-segmentation-offload",
    "generic-segmentation-offload",
    "generic-receive-offload",
    "tx-udp-segmentation",
    "tx-udp_tnl-segmentation",
    "rx-udp-gro-forwarding",
)
"""Features of `ethtool -k` that decide where packets are segmented, merged and summed."""

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_STEAL = 7  # the place in the line "cpu" of /proc/stat
_FIELDS = 8  # guest time, which follows, is part of user time


def describe() -> dict[str, Any]:
    """Return the sysctls, the frequency governor if any, and the offloads of the rig's devices.

    The offloads are those of a container's eth0 and of both underlays; the function builds each
    underlay once.
    """
    settings = sysctls(SYSCTLS)  # before the lab: its own namespace does not show all of them
    offloads: dict[str, dict[str, str]] = {}
    for underlay in ("veth", "wire"):
        with two_hosts(wire=underlay == "wire") as lab:
            offloads["container"] = _offloads(lab.c1, "eth0")
            offloads[underlay] = _offloads(lab.h1, lab.h1.device)
    return {"governor": _text(_GOVERNOR), "sysctl": settings, "offloads": offloads}


def sysctls(names: Iterable[str]) -> dict[str, str]:
    """Return the values of the sysctls that this kernel has."""
    found = {name: _text(Path("/proc/sys", *name.split("."))) for name in names}
    return {name: " ".join(value.split()) for name, value in found.items() if value}


def features(text: str) -> dict[str, str]:
    """Return the state of FEATURES, "on" or "off", from the output of `ethtool -k`."""
    pairs = (line.strip().partition(": ") for line in text.splitlines())
    return {name: state.split()[0] for name, _, state in pairs if name in FEATURES}


def processor_times() -> tuple[int, ...]:
    """Return the ticks of all processors since the start of the machine, by /proc/stat."""
    first = Path("/proc/stat").read_text().split("\n", 1)[0]
    return tuple(map(int, first.split()[1 : _FIELDS + 1]))


def stolen_percent(before: tuple[int, ...], after: tuple[int, ...]) -> float:
    """Return the share of processor time that the hypervisor gave to others between two readings.

    A high share makes the figures of a run doubtful.
    """
    spent = [new - old for old, new in zip(before, after, strict=True)]
    return round(100 * spent[_STEAL] / max(sum(spent), 1), 2)


def _offloads(where: Netns, device: str) -> dict[str, str]:
    return features(where.run(["ethtool", "-k", device]).stdout)


def _text(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None
