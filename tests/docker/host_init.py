"""Prepare the file system of a host in its new namespaces, then execute dockerd.

An engine writes only to memory that disappears with the host's mount namespace. The new /sys shows
this network namespace. `ip netns exec` would also mount a new /sys, but without the cgroups that
dockerd requires.

Usage: host_init.py HOSTNAME READY_FD COMMAND...
"""

import os
import socket
import subprocess
import sys


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main(hostname: str, ready_fd: str, *command: str) -> None:
    socket.sethostname(hostname)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.mkdir("/run/cgroup")
    mount("--rbind", "/sys/fs/cgroup", "/run/cgroup")
    mount("-t", "sysfs", "sysfs", "/sys")
    mount("--move", "/run/cgroup", "/sys/fs/cgroup")
    # dockerd writes /etc/docker, containerd /opt/containerd
    for name in ("etc", "opt"):
        upper, work = f"/run/{name}.upper", f"/run/{name}.work"
        os.mkdir(upper)
        os.mkdir(work)
        layers = f"lowerdir=/{name},upperdir={upper},workdir={work}"
        mount("-t", "overlay", "-o", layers, "overlay", f"/{name}")
    with os.fdopen(int(ready_fd), "wb") as ready:
        ready.write(b"\n")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
