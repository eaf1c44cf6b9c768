"""Run a shell in the lab, with a command for each host and container.

All processes end with the shell, even if it is killed: they run in their own PID namespace. The
kernel kills them when the first process there ends, and that process is killed with us.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vtep.lab.command import environment, require
from vtep.lab.host import Host
from vtep.lab.interrupts import as_interrupt
from vtep.lab.netns import Netns
from vtep.lab.private import RUNTIME_DIRECTORY
from vtep.lab.process import tied_to_parent
from vtep.lab.topology import OVERHEAD, Family, Lab, hosts_with_containers

MAX_HOSTS = 9
MAX_MTU = 9216

_COMMANDS = RUNTIME_DIRECTORY / "lab"
_MIN_MTU = {4: 576 + OVERHEAD[4], 6: 1280}  # the minimum of vtep; RFC 8200 section 5
_PROMPT = "lab$ "
_PLACE = "LAB_PLACE"  # variable with the name of the host or container, for the prompt
_COLUMN = 26


def run(
    count: int, family: Family, *, underlay_mtu: int, wire: bool, script: str | None = None
) -> int:
    """Build the lab, run a shell in it, and return the shell's exit code.

    On a terminal it is the user's own shell. Otherwise it is bash, or sh if bash is missing, and
    runs `script` or standard input.

    Raises:
        LabError: a program is missing, or the lab cannot be built.
    """
    require("ping", "unshare", *(["ethtool"] if wire else []))
    interactive = script is None and sys.stdin.isatty()
    try:
        with as_interrupt(signal.SIGTERM), Lab() as lab:
            hosts = hosts_with_containers(lab, count, family, underlay_mtu=underlay_mtu, wire=wire)
            picture = drawing(hosts, underlay_mtu)
            own = _own_shell()
            write_commands(hosts, picture, own)
            if interactive:
                print(picture)
            shell = own if interactive else _script_shell(script)
            return _run_inside(shell, interactive=interactive)
    except KeyboardInterrupt:
        return 130


def min_mtu(family: Family) -> int:
    """Return the smallest MTU of an underlay of this family."""
    return _MIN_MTU[family]


def drawing(hosts: Sequence[Host], underlay_mtu: int) -> str:
    """Return the drawing and the instructions that the shell starts with."""
    columns = range(len(hosts))
    containers = [host.containers[0] for host in hosts]
    rows = [
        [f"{container.name} {container.address}" for container in containers],
        ["  | eth0" for _ in columns],
        ["  | " for _ in columns],
        [f"br0 in {host.name}" for host in hosts],
        [""] * len(hosts),
        [f"  {host.device} {host.address}" for host in hosts],
        ["  |" for _ in columns],
    ]
    lines = ["  " + "".join(text.ljust(_COLUMN) for text in row) for row in rows]
    wire = "+" + "+".join(["-" * (_COLUMN - 1)] * (len(hosts) - 1)) + "+"
    names = " ".join([*(host.name for host in hosts), *(c.name for c in containers)])
    lines += [
        f"    {wire}  the underlay, MTU {underlay_mtu}",
        "",
        f"To run a command on a host or in a container, write its name first: {names}.",
        "br0 and the underlay are not connected yet: that is the task of the VTEP.",
        "`lab` shows this again. `exit` ends the lab and all its processes.",
    ]
    return "\n".join(line.rstrip() for line in lines)


def write_commands(hosts: Sequence[Host], picture: str, own_shell: Sequence[str]) -> None:
    """Write the lab's commands: small scripts in the shell's PATH."""
    places: list[Netns] = [place for host in hosts for place in (host, *host.containers)]
    for place in places:
        _write_command(
            place.name,
            f"[ $# -gt 0 ] || set -- env {_PLACE}={place.name} {shlex.join(own_shell)}",
            f'exec ip netns exec {place.name} "$@"',
        )
    python = shlex.quote(sys.executable)
    _write_command("vtep", f'exec {python} -m vtep "$@"')
    _write_command("vlan", f'exec {python} -m vtep.lab.vlan "$@"')
    _write_command("lab", "cat <<'END'", picture, "END")


def _write_command(name: str, *lines: str) -> None:
    path = _COMMANDS / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def _script_shell(script: str | None) -> list[str]:
    shell = shutil.which("bash") or "sh"
    return [shell] if script is None else [shell, "-c", script]


def _own_shell() -> list[str]:
    """Return the command of the user's shell; bash also gets a prompt with the place."""
    _COMMANDS.mkdir(exist_ok=True)
    shell = os.environ.get("SHELL") or "sh"
    if Path(shell).name != "bash":
        return [shell]
    start = _COMMANDS.parent / "bashrc"
    path = shlex.quote(str(_COMMANDS))
    prompt = f"'${{{_PLACE}:-lab}}$ '"
    start.write_text(f"[ ! -r ~/.bashrc ] || . ~/.bashrc\nPATH={path}:$PATH PS1={prompt}\n")
    return [shell, "--rcfile", str(start), "-i"]


def _run_inside(shell: Sequence[str], *, interactive: bool) -> int:
    """Run the shell in its own PID namespace and return its exit code."""
    first = ["sh", "-c", '"$@"; exit $?', "sh", *shell]
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    inherited = environment()
    variables = {
        **inherited,
        "PATH": os.pathsep.join([str(_COMMANDS), inherited["PATH"]]),
        "PS1": _PROMPT,
    }
    process = subprocess.Popen(tied_to_parent([*namespaces, *first]), env=variables)
    try:
        if interactive:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the shell handles it
        return process.wait()
    finally:
        process.kill()
        process.wait()
