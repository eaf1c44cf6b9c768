"""The private namespace in which everything of the lab lives.

The calling process itself moves into new network and mount namespaces; what the lab builds there
(devices, bridges, named namespaces under /run/netns) is seen by nobody else and is gone with the
last process in it, however that ends. Two runs on one machine never meet.

Root can do this at any time. Anyone else first needs a user namespace, which Linux gives only to
a process with a single thread, and which some distributions forbid.
"""

import ctypes
import functools
import os
import shutil
import threading
from pathlib import Path

from vtep.lab.command import environment, execute, missing
from vtep.lab.errors import LabError

# linux/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

NETNS_DIRECTORY = Path("/run/netns")  # where iproute2 keeps its named namespaces
RUNTIME_DIRECTORY = Path("/run/vtep")  # where a vtep makes its control socket

_NEEDED = ("ip", "bridge", "mount", "setpriv", "tee")


@functools.cache
def enter() -> None:
    """Move this process into its private namespaces, once: later calls do nothing.

    Call it from the main thread, before threads are started that should be inside too: only the
    calling thread and what it starts from now on are. /run/netns and /run/vtep are created when
    they are missing, as `ip netns add` and a vtep themselves would do. Raises LabError that names
    what this machine refuses.
    """
    for program in _NEEDED:
        if shutil.which(program, path=environment()["PATH"]) is None:
            raise missing(program)
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
    """Move the calling thread, and it alone, into the network namespace at `path` (setns(2))."""
    with path.open("rb") as namespace:
        if _libc().setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise _os_error(f"cannot enter the namespace {path.name}")


def _mount_points(root: bool) -> list[Path]:
    """Return where a tmpfs goes: an ordinary user who may not make directories hides /run."""
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
            f"not root, and this process has {threads} threads, so it cannot make a user "
            "namespace: run as root, or set OPENBLAS_NUM_THREADS=1 so that numpy starts none"
        )


def _unshare(flags: int, *, privileged: bool) -> None:
    """unshare(2) by ctypes: the os module has it only from Python 3.12."""
    if _libc().unshare(flags) == 0:
        return
    if privileged:
        raise _os_error("root, but not allowed to unshare network and mount namespaces")
    raise _os_error("not root, and unprivileged user namespaces are refused here, run as root")


def _os_error(what: str) -> LabError:
    return LabError(f"{what} ({os.strerror(ctypes.get_errno())})")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
