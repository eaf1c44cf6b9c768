"""A named network namespace: the base of hosts and containers."""

import ipaddress
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from vtep.lab.capture import Capture
from vtep.lab.command import execute
from vtep.lab.interrupts import defer_signals
from vtep.lab.private import NETNS_DIRECTORY, set_network_namespace
from vtep.lab.process import Process, tied_to_parent
from vtep.lab.wait import GENEROUS_S, wait_until

T = TypeVar("T")


class Netns:
    """A network namespace created by `ip netns add`, with the processes started in it.

    A Lab creates and closes it. IPv6 sends nothing by itself: there are no link-local addresses,
    router solicitations or duplicate address detection. So only the frames of a test cross the
    devices. /proc and /sys show the namespace's own devices.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._processes: list[Process] = []
        execute(["ip", "netns", "add", name])
        try:
            self.ip("link", "set", "lo", "up")
            self.sysctl("net.ipv6.conf.default.addr_gen_mode", "1")
            self.sysctl("net.ipv6.conf.default.accept_dad", "0")
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The file of the namespace, for nsenter --net=PATH and setns(2)."""
        return NETNS_DIRECTORY / self.name

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = GENEROUS_S,
        text_in: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the namespace to its end and return its output.

        Raises:
            LabError: it runs longer than `timeout` seconds, or, with `check`, its exit code is
                not 0.
        """
        return execute(
            tied_to_parent(self._inside(argv)), check=check, timeout=timeout, text_in=text_in
        )

    def start(
        self,
        argv: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        variables: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a program in the namespace; closing the namespace ends it at the latest."""
        with defer_signals():
            process = Process(self._inside(argv), pass_fds=pass_fds, variables=variables)
            self._processes.append(process)
        return process

    def start_module(self, module: str, *arguments: str, pass_fds: Sequence[int] = ()) -> Process:
        """Start `python -m module arguments` in the namespace, with the current interpreter."""
        return self.start([sys.executable, "-m", module, *arguments], pass_fds=pass_fds)

    def ip(self, *arguments: str) -> str:
        """Run `ip` on this namespace and return its output."""
        return execute(["ip", "-n", self.name, *arguments]).stdout

    def bridge_command(self, *arguments: str) -> str:
        """Run iproute2's `bridge` on this namespace and return its output."""
        return execute(["bridge", "-n", self.name, *arguments]).stdout

    def sysctl(self, key: str, value: str) -> None:
        """Set the kernel parameter `key` of this namespace."""
        self.run(["tee", f"/proc/sys/{key.replace('.', '/')}"], text_in=value)

    def link(self, device: str) -> dict[str, Any]:
        """Return the output of `ip -j -d -s link show` for a device; LabError if it is missing."""
        found: list[dict[str, Any]] = json.loads(self.ip("-j", "-d", "-s", "link", "show", device))
        return found[0]

    def has_link(self, device: str) -> bool:
        """Tell whether a device with this name exists here."""
        links: list[dict[str, Any]] = json.loads(self.ip("-j", "link", "show"))
        return any(link["ifname"] == device for link in links)

    def flush_failed_neighbors(self) -> None:
        """Delete neighbour entries without an answer, so that the next packet triggers a request.

        Otherwise the kernel waits up to a second before its next ARP or ND request, and drops
        packets meanwhile.
        """
        self.ip("neigh", "flush", "nud", "incomplete", "nud", "failed")

    def link_up(self, device: str, *addresses: str) -> None:
        """Set a device up, wait for its carrier, and add addresses, which are usable immediately.

        `addresses` have a prefix length. They are added last, because an IPv6 address that is added
        before the carrier becomes usable only later. LabError if the carrier does not appear.
        """
        self.ip("link", "set", device, "up")
        wait_until(lambda: self.link(device)["operstate"] == "UP", what=f"the carrier of {device}")
        for address in addresses:
            self.ip(*address_arguments(device, address))

    def offload(self, device: str, *settings: str) -> None:
        """Set offloads with the arguments of ethtool -K, for example "tx", "off", "gro", "on"."""
        self.run(["ethtool", "-K", device, *settings])

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Return a socket of this process in the namespace; the caller closes it."""
        return self.call(lambda: socket.socket(family, kind, protocol))

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` in a separate thread that has entered the namespace."""

        def inside() -> T:
            set_network_namespace(self.path)
            return function()

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(inside).result()

    def capture(self, device: str, match: Callable[[bytes], bool] | None = None) -> Capture:
        """Record the frames that cross a device from now on; use it as a context manager."""
        sniffer = self.socket(socket.AF_PACKET, socket.SOCK_RAW)
        return Capture(sniffer, device, match)

    def close(self) -> None:
        """End all processes and delete the namespace with its devices."""
        try:
            while self._processes:
                self._processes.pop().close()
        finally:
            execute(["ip", "netns", "del", self.name])

    def _inside(self, argv: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]


def address_arguments(device: str, address: str) -> list[str]:
    """Return the arguments of `ip` that add an address to `device`, usable immediately."""
    nodad = ["nodad"] if ipaddress.ip_interface(address).version == 6 else []
    return ["address", "add", address, "dev", device, *nodad]
