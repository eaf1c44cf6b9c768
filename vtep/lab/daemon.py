"""A running vtep: started and known to be ready, asked for its counters and FDB, stopped."""

import json
import signal
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from vtep.control.client.client import Client
from vtep.lab.errors import LabError
from vtep.lab.netns import Netns
from vtep.lab.process import Process
from vtep.lab.ready import start_ready
from vtep.lab.wait import wait_until

JsonObject = dict[str, Any]


class Daemon:
    """One `python -m vtep` in a host, ready for traffic when you get it.

    At the end of its block it is stopped, and a vtep that died by itself or did not exit with 0
    is a LabError, unless kill() ended it on purpose or the block failed already.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self._killed = False

    @classmethod
    def start(
        cls,
        host: Netns,
        arguments: Sequence[str],
        timeout: float,
        *,
        control: bool,
        pass_fds: Sequence[int] = (),
    ) -> "Daemon":
        """Start it in `host` and wait for the byte on its --ready-fd; LabError if none comes.

        Without `control` it has no control socket, unless the arguments say otherwise: it is ready
        the sooner. `pass_fds` are handed down under the same numbers.
        """
        options = ["--log-format", "json", *arguments]
        if not control and "--control" not in arguments:
            options += ["--control", "none"]
        process, _ = start_ready(
            lambda fd: host.start_module(
                "vtep", "--ready-fd", str(fd), *options, pass_fds=[fd, *pass_fds]
            ),
            timeout,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def socket(self) -> str:
        """Path of its control socket; LabError if it has none."""
        for record in self.log:
            if "control" in record:
                return str(record["control"])
        raise self.process.failure("has no control socket")

    def ask(self, path: str, **query: str | int) -> Any:
        """Return what its API answers: docs/control.md has the paths."""
        return Client(self.socket).get(path, query)

    def stop(self, timeout: float = 10.0) -> int:
        """Send SIGTERM and return the exit code."""
        return self.process.stop(timeout)

    def kill(self) -> None:
        """Send SIGKILL, as a crash would."""
        self._killed = True
        self.process.kill()

    @property
    def log(self) -> list[JsonObject]:
        """The records logged so far; lines that are no JSON object (a traceback) stay in stderr."""
        complete = self.process.stderr().rpartition("\n")[0]
        return [record for line in complete.splitlines() if (record := _record(line))]

    @property
    def stderr(self) -> str:
        """Everything it wrote to its standard error, as it is."""
        return self.process.stderr()

    def counters(self) -> JsonObject:
        """Ask it by SIGUSR1; {"underlay": {"drops": …}, "overlays": {"100": {…}}}."""
        return self._ask()[0]

    def fdb(self) -> list[JsonObject]:
        """Ask it by SIGUSR1; one {"vni", "mac", "dst" (an IP or "local"), "age"} per entry."""
        return self._ask()[1]

    def _ask(self) -> tuple[JsonObject, list[JsonObject]]:
        """Wait for both answers to one signal, so that the next question meets no late ones."""
        before = len(self.log)
        self.process.signal(signal.SIGUSR1)

        def answers() -> dict[str, JsonObject] | None:
            found = {
                r["message"]: r for r in self.log[before:] if r["message"] in ("counters", "fdb")
            }
            if len(found) < 2 and self.process.exit_code is not None:
                raise self.process.failure("ended when asked for its counters")
            return found if len(found) == 2 else None

        found = wait_until(answers, what="counters and fdb in the log", seen=lambda: self.stderr)
        assert found is not None
        return found["counters"]["counters"], found["fdb"]["fdb"]

    def __enter__(self) -> "Daemon":
        """Return the daemon; it is stopped at the exit of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it, and complain if it ended badly."""
        try:
            exit_code = self.stop() if not self._killed else 0
        except LabError:
            if error is None:
                raise
        else:
            if exit_code != 0 and error is None:
                raise self.process.failure(f"ended with exit code {exit_code}")
        finally:
            self.process.close()


def _record(line: str) -> JsonObject | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "message" in record else None
