"""Run a vtep in the lab: start it, wait until it is ready, query it, stop it."""

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
from vtep.lab.wait import GENEROUS_S, wait_until

JsonObject = dict[str, Any]


class Daemon:
    """A `python -m vtep` process in a host, ready for traffic.

    A context manager: the exit of the block stops the process. It raises LabError if the process
    ended by itself or with an exit code other than 0, except after kill() or if the block raised.
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
        """Start it in `host` and wait until it is ready, at most `timeout` seconds.

        Without `control` it has no control socket unless the arguments contain --control; that
        makes the start faster. The process inherits `pass_fds` with the same numbers.

        Raises:
            LabError: it ended, or is not ready in time.
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
        """The process id."""
        return self.process.pid

    @property
    def socket(self) -> str:
        """The path of its control socket; LabError if it has no control socket."""
        for record in self.log:
            if "control" in record:
                return str(record["control"])
        raise self.process.failure("has no control socket")

    def ask(self, path: str, **query: str | int) -> Any:
        """Return the response of its API; docs/control.md lists the paths."""
        return Client(self.socket).get(path, query)

    def stop(self, timeout: float = GENEROUS_S) -> int:
        """Send SIGTERM and return the exit code."""
        return self.process.stop(timeout)

    def kill(self) -> None:
        """Send SIGKILL, to simulate a crash."""
        self._killed = True
        self.process.kill()

    @property
    def log(self) -> list[JsonObject]:
        """The log records so far; lines that are not JSON (a traceback) are only in stderr."""
        complete = self.process.stderr().rpartition("\n")[0]
        return [record for line in complete.splitlines() if (record := _record(line))]

    @property
    def stderr(self) -> str:
        """The complete text of its standard error."""
        return self.process.stderr()

    def counters(self) -> JsonObject:
        """Return the counters: {"underlay": {"drops": …}, "overlays": {"100": {…}}}."""
        return self._report()[0]

    def fdb(self) -> list[JsonObject]:
        """Return the FDB: one {"vni", "mac", "dst" (an IP or "local"), "age"} per entry."""
        return self._report()[1]

    def _report(self) -> tuple[JsonObject, list[JsonObject]]:
        """Send SIGUSR1 and wait for both log records, so that the next call finds no old ones."""
        before = len(self.log)
        self.process.signal(signal.SIGUSR1)

        def records() -> dict[str, JsonObject] | None:
            found = {
                r["message"]: r for r in self.log[before:] if r["message"] in ("counters", "fdb")
            }
            if len(found) < 2 and self.process.exit_code is not None:
                raise self.process.failure("ended instead of reporting its counters")
            return found if len(found) == 2 else None

        found = wait_until(records, what="counters and fdb in the log", seen=lambda: self.stderr)
        assert found is not None
        return found["counters"]["counters"], found["fdb"]["fdb"]

    def __enter__(self) -> "Daemon":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the process; raise LabError if it failed and the block did not."""
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
