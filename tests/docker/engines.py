"""Run Docker hosts on one machine: each has its own namespaces and its own dockerd.

   c1 172.18.0.11                                            c2 172.18.0.12
     |                                                         |
   br-<id> -- vx0 == tunnel      UDP 4789      tunnel == vx0 -- br-<id>
   h1, dockerd            eth0 ---------- eth0             h2, dockerd
                     10.0.1.4             10.0.1.41

A host has its own net, mount, pid, UTS and IPC namespaces, which are entered through the pid of its
init; it has no name in `ip netns`. Its files are in memory. When its init ends, everything
disappears except its control groups, which are removed by name.
"""

import errno
import functools
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import docker

from tests.docker import image
from tests.docker.docker_parts import DockerParts
from vtep.lab import GENEROUS_S, Capture, Process, is_vxlan, wait_until
from vtep.lab.command import execute
from vtep.lab.private import set_network_namespace
from vtep.lab.process import tied_to_parent
from vtep.lab.ready import start_ready

SOCKET = "/run/docker.sock"
_CGROUPS = Path("/sys/fs/cgroup")
_PREFIX = "vtep-docker-"


class Engine:
    """A host with a Docker engine; the caller must close it.

    Attributes:
        name: the host's name.
        address: its underlay address, on eth0.
        init: pid of its first process, to enter its namespaces.
        client: client of its Docker engine; set by `wait`.
    """

    client: docker.DockerClient

    def __init__(self, name: str, address: str, parts: DockerParts, folder: Path) -> None:
        """Start the host and its engine; `wait` waits until the engine is ready.

        `folder` contains the socket for the engine's readiness message.
        """
        self.name = name
        self.address = address
        self._programs = parts.programs
        self._group = f"{_PREFIX}{os.getpid()}-{name}"
        self._undo = ExitStack()
        try:
            self._notify = self._undo.enter_context(
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            )
            notify = folder / f"{name}.notify"
            self._notify.bind(str(notify))
            variables = parts.environment() | {"NOTIFY_SOCKET": str(notify)}
            self._process, _ = start_ready(
                lambda fd: self._start(fd, variables), timeout=GENEROUS_S
            )
            self._undo.callback(self._end)
            self.init = _child(self._process.pid)
        except BaseException:
            self.close()
            raise

    def _start(self, ready_fd: int, variables: Mapping[str, str]) -> Process:
        unshare = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid"]
        host_init = [sys.executable, str(Path(__file__).with_name("host_init.py"))]
        dockerd = ["docker-init", "--", "dockerd", "--host", f"unix://{SOCKET}"]
        return Process(
            [
                *(*unshare, "--fork", "--kill-child", "--mount-proc"),
                *(*host_init, self.name, str(ready_fd)),
                *(*dockerd, "--data-root", "/run/docker-data", "--exec-root", "/run/docker"),
                *("--cgroup-parent", f"/{self._group}"),
            ],
            pass_fds=[ready_fd],
            variables=variables,
        )

    def _end(self) -> None:
        if self._process.exit_code is None:
            # the end of init ends its pid namespace; unshare ends after the last process there
            with suppress(ProcessLookupError):
                os.kill(_child(self._process.pid), signal.SIGKILL)
                self._process.wait()
        self._process.close()
        _remove_groups(lambda name: name == self._group)

    def wait(self, image_archive: bytes) -> None:
        """Wait until the engine is ready, then import the image; LabError after a timeout."""
        self._notify.setblocking(False)
        wait_until(self._serves, timeout=GENEROUS_S, what=f"dockerd on {self.name}", seen=self._log)
        self.client = docker.DockerClient(f"unix://{self.outside(SOCKET)}", timeout=GENEROUS_S)
        self._undo.callback(self.client.close)
        repository, tag = image.NAME.split(":")
        self.client.api.import_image_from_data(
            image_archive, repository=repository, tag=tag, changes=image.CHANGES
        )

    def _serves(self) -> bool:
        if self._process.exit_code is not None:
            raise self._process.failure("ended")
        try:
            return b"READY=1" in self._notify.recv(4096).split(b"\n")
        except BlockingIOError:
            return False

    def _log(self) -> str:
        return self._process.stderr()[-2000:]

    def outside(self, path: str) -> str:
        """Return the path of a host's file for processes outside the host."""
        return f"/proc/{self.init}/root{path}"

    def inside(self, *command: str) -> list[str]:
        """Return the command line that runs `command` on the host.

        It does not enter the pid namespace, because nsenter would fork and the pid would change.
        """
        enter = ["nsenter", "--target", str(self.init), "--mount", "--uts", "--ipc", "--net"]
        return [*enter, "--", *command]

    def shell(self, line: str) -> list[str]:
        """Return the command line that runs a line of a page, with `docker` and our `vtep`."""
        path = f"PATH={Path(sys.executable).parent}:{self._programs}:{os.environ['PATH']}"
        return self.inside("env", path, "bash", "-c", line)

    def run(self, *command: str) -> str:
        """Run `command` on the host and return its output; LabError if it fails."""
        return execute(tied_to_parent(self.inside(*command)), timeout=GENEROUS_S).stdout

    def capture(self, match: Callable[[bytes], bool] = is_vxlan) -> Capture:
        """Record the frames that `match` and cross the underlay from now on."""
        here = Path(f"/proc/{self.init}/ns/net")
        return Capture(socket_in(here, socket.AF_PACKET, socket.SOCK_RAW), "eth0", match)

    def remove_networks(self) -> None:
        """Remove all containers, and all networks that tests have created."""
        for container in self.client.containers.list(all=True):
            container.remove(force=True)
        self.client.networks.prune()

    def close(self) -> None:
        """End the engine with its containers and release everything; may be called twice."""
        self._undo.close()


def socket_in(namespace: Path, family: int, kind: int) -> socket.socket:
    """Return a socket in another network namespace; the caller owns it."""

    def make() -> socket.socket:
        set_network_namespace(namespace)
        return socket.socket(family, kind)

    # only this thread is in the namespace, until it ends
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def _child(parent: int) -> int:
    """Return the pid of the only child of `parent`, or raise ProcessLookupError."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    if not children:
        raise ProcessLookupError(errno.ESRCH, f"process {parent} has no child")
    return int(children[0])


def _remove_groups(ours: Callable[[str], bool]) -> None:
    """Remove the control groups whose names are `ours`, in every hierarchy."""
    for folder, _, _ in os.walk(_CGROUPS, topdown=False):
        if any(map(ours, Path(folder).parts)):
            wait_until(functools.partial(_removed, Path(folder)), what=f"{folder} to be idle")


def _removed(group: Path) -> bool:
    """Try to remove a control group; the kernel releases it shortly after its last process."""
    try:
        group.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def sweep() -> None:
    """Remove control groups of earlier runs that were killed; nothing else remains of them."""

    def left_over(name: str) -> bool:
        run = name.removeprefix(_PREFIX).partition("-")[0]
        return name.startswith(_PREFIX) and not Path("/proc", run).exists()

    _remove_groups(left_over)


@contextmanager
def two_engines(parts: DockerParts, folder: Path) -> Iterator[tuple[Engine, Engine]]:
    """Start the two hosts drawn above, connected, with engines that have the image.

    Everything ends with the block, or with this process if the block does not end.
    """
    sweep()
    archive = image.root_filesystem(parts.busybox)
    with ExitStack() as stack:
        h1 = stack.enter_context(closing(Engine("h1", "10.0.1.4", parts, folder)))
        h2 = stack.enter_context(closing(Engine("h2", "10.0.1.41", parts, folder)))
        veth = ("type", "veth", "peer", "name", "eth0", "netns", str(h2.init))
        h1.run("ip", "link", "add", "eth0", *veth)
        for host in (h1, h2):
            host.run("ip", "link", "set", "lo", "up")
            host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
            host.run("ip", "link", "set", "eth0", "up")
        for host in (h1, h2):
            host.wait(archive)
        yield h1, h2
