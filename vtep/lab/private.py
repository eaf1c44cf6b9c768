"""Enter the private namespaces that contain the whole lab.

The calling process itself enters new network and mount namespaces. Devices, bridges and named
namespaces under /run/netns are not visible outside. They disappear with the last process, even if
it is killed. Several runs on one machine do not interfere.

Root can always do this. Other users first need a user namespace: Linux creates one only for a
process with a single thread, and some distributions forbid it.
"""

import ctypes
import functools
import os
import threading
from pathlib import Path

from vtep.lab.command import execute, require
from vtep.lab.errors import LabError

# linux/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

NETNS_DIRECTORY = Path("/run/netns")  # named namespaces of iproute2
RUNTIME_DIRECTORY = Path("/run/vtep")  # control sockets of vtep


@functools.cache
def enter() -> None:
    """Enter the private namespaces; only the first call has an effect.

    Call it from the main thread before other threads start: only the calling thread, and the
    threads and processes that it starts later, are inside. Missing /run/netns and /run/vtep are
    created, as `ip netns add` and vtep do.

    Raises:
        LabError: a program is missing, or this machine does not allow the namespaces.
    """
    require()
    flags = CLONE_NEWNS | CLONE_NEWNET
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        _check_single_thread()
        flags |= CLONE_NEWUSER
    _unshare(flags, privileged=user == 0)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    execute(["mount", "--make-rprivate", "/"])
    for point in _mount_points(user == 0):
        execute(["mount", "-t", "tmpfs", "-o", "mode=0755", "vtep-lab", str(point)])
    for directory in (NETNS_DIRECTORY, RUNTIME_DIRECTORY):
        directory.mkdir(exist_ok=True)
    execute(["ip", "link", "set", "lo", "up"])


def set_network_namespace(path: Path) -> None:
    """Move only the calling thread into the network namespace at `path` (setns(2))."""
    with path.open("rb") as namespace:
        if _libc().setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise LabError(f"namespace {path.name}: cannot enter it ({_reason()})")


def _mount_points(root: bool) -> list[Path]:
    """Return the mount points for tmpfs: all of /run if a user cannot create directories there."""
    points = [NETNS_DIRECTORY, RUNTIME_DIRECTORY]
    for point in points:
        if root:
            point.mkdir(parents=True, exist_ok=True)
        elif not point.is_dir():
            return [NETNS_DIRECTORY.parent]
    return points


def _check_single_thread() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1 or threading.active_count() > 1:
        raise LabError(
            f"user namespace: not root, and this process has {threads} threads instead of one; "
            "run as root, or set OPENBLAS_NUM_THREADS=1 so that numpy starts no threads"
        )


def _unshare(flags: int, *, privileged: bool) -> None:
    """Call unshare(2) through ctypes: os.unshare exists only since Python 3.12."""
    if _libc().unshare(flags) == 0:
        return
    if privileged:
        raise LabError(
            f"network and mount namespaces: refused although we are root ({_reason()}); "
            "run outside the container, or give it CAP_SYS_ADMIN"
        )
    raise LabError(f"user namespace: not root, and refused ({_reason()}); run as root")


def _reason() -> str:
    """Return the text of the last error of libc."""
    return os.strerror(ctypes.get_errno())


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
