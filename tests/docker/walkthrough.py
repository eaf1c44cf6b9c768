"""Run the shell blocks of a page, word for word, on the hosts that its text names.

The text before a block says where its commands run: "on both hosts", "on each host", or
"on 10.0.1.4". A command that is a vtep without a subcommand runs until the end of the walkthrough.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.consoles import blocks
from tests.docker.engines import Engine
from tests.docker.segment import NETWORK, Site
from tests.docker.tunnels import DEVICE
from vtep.lab import GENEROUS_S, Daemon, Process
from vtep.lab.command import execute
from vtep.lab.process import tied_to_parent
from vtep.lab.ready import start_ready
from vtep.lab.resource import Resource

_PLACE = re.compile(r"\b[Oo]n\s+(both hosts|each host|10\.0\.1\.\d+)")
_DAEMON = re.compile(r"vtep\s+-")


class Step(NamedTuple):
    """A command of a page.

    Attributes:
        line: line number of its block.
        place: "both hosts", "each host", or the host's address.
        command: the command, with its continuation lines.
    """

    line: int
    place: str
    command: str


def steps(page: Path, heading: str) -> list[Step]:
    """Return the commands of the section `heading` (without #), in order."""
    return list(_steps(page, heading))


def _steps(page: Path, heading: str) -> Iterator[Step]:
    lines = page.read_text().splitlines()
    begin = next(at for at, line in enumerate(lines) if line == f"## {heading}")
    ends = (at for at, line in enumerate(lines[begin + 1 :], begin + 1) if line.startswith("## "))
    end = next(ends, len(lines))
    text_from = begin
    for number, block in blocks(page.read_text(), "sh"):
        if not begin < number < end:
            continue
        places = _PLACE.findall("\n".join(lines[text_from : number - 1]))
        assert places, f"{page.name}:{number}: the text does not say where to run it"
        text_from = number + len(block)
        for command in "\n".join(block).replace("\\\n", "").splitlines():
            yield Step(number, places[-1], command)


class Walkthrough(Resource):
    """The running commands of a page; `close` stops them and removes what they have created.

    Attributes:
        output: standard output of the commands that have ended, by command.
        daemons: the running vteps, by the address of their host.
    """

    def __init__(self, engines: tuple[Engine, Engine]) -> None:
        self.output: dict[str, str] = {}
        self.daemons: dict[str, Daemon] = {}
        self._hosts = {engine.address: engine for engine in engines}
        self._undo = ExitStack()
        for engine in engines:
            self._undo.callback(_clean, engine)

    def run(self, *commands: Step) -> None:
        """Run the commands; LabError if one fails.

        Commands for hosts that are not there are left out.
        """
        for step in commands:
            everywhere = step.place in ("both hosts", "each host")
            for address, engine in self._hosts.items():
                if everywhere or step.place == address:
                    self._run(engine, step.command)

    def _run(self, engine: Engine, command: str) -> None:
        if not _DAEMON.match(command):
            done = execute(tied_to_parent(engine.shell(command)), timeout=GENEROUS_S)
            self.output[command] = done.stdout
            return

        def start(ready_fd: int) -> Process:
            ready = {"VTEP_READY_FD": str(ready_fd)}
            argv = engine.shell(f"exec {command}")
            return Process(argv, pass_fds=[ready_fd], variables=ready)

        process, _ = start_ready(start, timeout=GENEROUS_S)
        self.daemons[engine.address] = self._undo.enter_context(Daemon(process))

    def restart(self, address: str, commands: list[Step]) -> None:
        """Stop the vtep of a host, and start it by its command of the page again."""
        assert self.daemons[address].stop() == 0
        self.run(*(one for one in commands if one.place == address and is_daemon(one)))

    def site(self, address: str, container: str) -> Site:
        """Return a container that runs on a host."""
        engine = self._hosts[address]
        found = engine.client.containers.get(container)
        network = found.attrs["NetworkSettings"]["Networks"][NETWORK]
        bridge = f"br-{network['NetworkID'][:12]}"
        return Site(engine, bridge, found, network["IPAddress"])

    def close(self) -> None:
        """Stop the vteps; remove all containers and networks."""
        self._undo.close()


def is_daemon(step: Step) -> bool:
    """Tell whether a command is a vtep that runs until it is stopped."""
    return _DAEMON.match(step.command) is not None


def _clean(engine: Engine) -> None:
    engine.remove_networks()
    engine.run("sh", "-c", f"ip link delete {DEVICE} 2>/dev/null || true")
