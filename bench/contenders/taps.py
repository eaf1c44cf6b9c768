"""Userspace tunnels of Debian that create a TAP: their commands, without cryptography.

Each is configured for speed. The docstring of its function names options that differ from the
defaults. All support IPv4 underlays only, as started here.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.contenders.contender import Join
from bench.contenders.ours import plug_tap
from vtep.lab import Host, Process, TwoHosts, wait_until

_PORT = "4789"
_BUFFER = str(4 << 20)  # octets of socket buffer, for tunnels with an option
_START_S = 15.0


class Command(NamedTuple):
    """Command line and environment of one end."""

    argv: list[str]
    variables: Mapping[str, str] = {}


Commands = Callable[[Host, Host, Path], tuple[Command, Command]]
"""Returns the commands for both hosts; they may write files into the folder."""


def tap_tunnel(commands: Commands) -> Join:
    """Return a contender's join for a program that creates the TAP vx0 at each end."""

    @contextmanager
    def join(lab: TwoHosts) -> Iterator[tuple[int, ...]]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vtep-bench-")))
            hosts = (lab.h1, lab.h2)
            started = [
                stack.enter_context(host.start(one.argv, variables=one.variables))
                for host, one in zip(hosts, commands(*hosts, folder), strict=True)
            ]
            for host, process in zip(hosts, started, strict=True):
                _plug(host, process)
            yield tuple(process.pid for process in started)

    return join


def _plug(host: Host, process: Process) -> None:
    def made() -> bool:
        if process.exit_code is not None:
            raise process.failure(f"ended with exit code {process.exit_code}")
        return host.has_link("vx0")

    wait_until(made, _START_S, what="the TAP vx0", seen=process.stderr)
    plug_tap(host)


def openvpn(h1: Host, h2: Host, folder: Path) -> tuple[Command, Command]:
    """Connect peer to peer without TLS, key or encryption; large buffers, no MSS clamp."""

    def end(host: Host, peer: Host) -> Command:
        where = ["--local", host.address, "--remote", peer.address, "--port", _PORT]
        fast = ["--sndbuf", _BUFFER, "--rcvbuf", _BUFFER, "--fast-io", "--mssfix", "0"]
        plain = ["--cipher", "none", "--auth", "none", "--disable-dco"]
        tap = ["--dev", "vx0", "--dev-type", "tap", "--proto", "udp4", "--txqueuelen", "1000"]
        return Command(["openvpn", *tap, *where, *plain, *fast])

    return end(h1, h2), end(h2, h1)


def socat(h1: Host, h2: Host, folder: Path) -> tuple[Command, Command]:
    """Connect a TAP and a datagram socket, without any header."""

    def end(host: Host, peer: Host) -> Command:
        buffers = f"sndbuf-late={_BUFFER},rcvbuf-late={_BUFFER}"
        tap = "TUN,tun-name=vx0,tun-type=tap,iff-no-pi,iff-up"
        udp = f"UDP4-DATAGRAM:{peer.address}:{_PORT},bind={host.address}:{_PORT},{buffers}"
        return Command(["socat", "-b", "65536", tap, udp])

    return end(h1, h2), end(h2, h1)


def quicktun(h1: Host, h2: Host, folder: Path) -> tuple[Command, Command]:
    """Use the protocol "raw", which has no header."""

    def end(host: Host, peer: Host) -> Command:
        options = {
            "TUN_MODE": "0",  # a TAP
            "PROTOCOL": "raw",
            "LOCAL_ADDRESS": host.address,
            "LOCAL_PORT": _PORT,
            "REMOTE_ADDRESS": peer.address,
            "REMOTE_PORT": _PORT,
        }
        # Debian's version reads its options from the variables of ifupdown.
        variables = {f"IF_QT_{name}": value for name, value in options.items()} | {"IFACE": "vx0"}
        return Command(["quicktun"], variables)

    return end(h1, h2), end(h2, h1)


def fastd(h1: Host, h2: Host, folder: Path) -> tuple[Command, Command]:
    """Use method "null" and mode tap; socket buffers cannot be set."""
    secrets, public = {}, {}
    for host in (h1, h2):
        secrets[host.name], public[host.name] = _fastd_keys(host, folder)

    def end(host: Host, peer: Host) -> Command:
        path = folder / f"{host.name}.conf"
        path.write_text(
            f'mode tap;\ninterface "vx0";\nmethod "null";\nbind {host.address}:{_PORT};\n'
            f'mtu {host.containers[0].link("eth0")["mtu"]};\nsecret "{secrets[host.name]}";\n'
            f'peer "{peer.name}" {{\n  key "{public[peer.name]}";\n'
            f"  remote {peer.address}:{_PORT};\n}}\n"
        )
        return Command(["fastd", "--config", str(path), "--log-level", "info"])

    return end(h1, h2), end(h2, h1)


def _fastd_keys(host: Host, folder: Path) -> tuple[str, str]:
    secret = host.run(["fastd", "--machine-readable", "--generate-key"]).stdout.split()[0]
    path = folder / f"{host.name}.secret"
    path.write_text(f'secret "{secret}";\n')
    shown = host.run(["fastd", "--machine-readable", "--config", str(path), "--show-key"])
    return secret, shown.stdout.strip()


def tinc(h1: Host, h2: Host, folder: Path) -> tuple[Command, Command]:
    """Use mode switch without cipher, digest and compression.

    Without PMTUDiscovery = no its large frames go by TCP until probing has ended.
    """
    for host, peer in itertools.permutations((h1, h2)):
        base = folder / host.name
        (base / "hosts").mkdir(parents=True)
        (base / "tinc.conf").write_text(
            f"Name = {host.name}\nConnectTo = {peer.name}\nMode = switch\nDeviceType = tap\n"
            f"Interface = vx0\nAddressFamily = ipv4\nBindToAddress = {host.address}\n"
            f"UDPRcvBuf = {_BUFFER}\nUDPSndBuf = {_BUFFER}\n"
        )
        (base / "hosts" / host.name).write_text(
            f"Address = {host.address}\nCipher = none\nDigest = none\nCompression = 0\n"
            "PMTUDiscovery = no\n"
        )
        host.run(["tincd", "-c", str(base), "--generate-keys=2048"], timeout=_START_S)
    for host, peer in itertools.permutations((h1, h2)):
        known = (folder / peer.name / "hosts" / peer.name).read_text()
        (folder / host.name / "hosts" / peer.name).write_text(known)

    def end(host: Host) -> Command:
        base = folder / host.name
        pid_file = ["--pidfile", str(base / "pid")]
        return Command(["tincd", "-c", str(base), "--no-detach", "--debug=1", *pid_file])

    return end(h1), end(h2)
