"""A process that runs beside us, whose output is kept, and that never outlives us."""

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from vtep.lab.command import environment, missing
from vtep.lab.errors import LabError
from vtep.lab.resource import Resource


def tied_to_parent(argv: Sequence[str]) -> list[str]:
    """Return `argv` so prefixed that the kernel kills it when the thread that started it ends.

    prctl(2) PR_SET_PDEATHSIG, by setpriv: code between fork and exec is not safe beside threads. It
    says nothing of a parent that ended before; so the shell behind it looks whose child it is.
    """
    still_ours = '[ "$PPID" = "$0" ] && exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", still_ours, str(os.getpid()), *argv]


class Process(Resource):
    """One started process with its standard output and error, which stay readable as they grow.

    It has a session of its own, so that Ctrl-C reaches only us and we end things in order; if we
    are killed, it is killed. Use it as a context manager, or stop() it. Raises LabError when the
    program is missing. The process must not leave children behind that outlive it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.command = shlex.join(argv)
        self._stdout = _Output()
        self._stderr = _Output()
        try:
            self._popen = subprocess.Popen(
                tied_to_parent(argv),
                stdin=subprocess.DEVNULL,
                stdout=self._stdout.file,
                stderr=self._stderr.file,
                pass_fds=pass_fds,
                env=environment(variables),
                start_new_session=True,
            )
        except FileNotFoundError:
            self._close_outputs()
            raise missing("setpriv") from None

    @property
    def pid(self) -> int:
        """The process id; every program in front of the command replaced itself by the next."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; afterwards the exit code, or minus the signal that ended it."""
        return self._popen.poll()

    def stdout(self) -> str:
        """Return what it has written to its standard output so far."""
        return self._stdout.text()

    def stderr(self) -> str:
        """Return what it has written to its standard error so far."""
        return self._stderr.text()

    def signal(self, number: int) -> None:
        """Send a signal; LabError when the process has already ended."""
        if self.exit_code is not None:
            raise self.failure("has already ended")
        self._popen.send_signal(number)

    def wait(self, timeout: float = 10.0) -> int:
        """Wait for the end and return the exit code; LabError when it does not come."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self.failure(f"still runs after {timeout:g} s") from None

    def stop(self, timeout: float = 10.0) -> int:
        """Send SIGTERM and return the exit code; LabError (after SIGKILL) when it does not obey."""
        if self.exit_code is None:
            self._popen.terminate()
        try:
            return self.wait(timeout)
        except LabError:
            self.kill()
            raise

    def kill(self) -> int:
        """Send SIGKILL, wait, and return the exit code."""
        self._popen.kill()
        return self._popen.wait()

    def close(self) -> None:
        """End it by whatever means it takes; its output stays readable; may be repeated."""
        try:
            with contextlib.suppress(LabError):
                self.stop(timeout=3.0)
        finally:
            if self.exit_code is None:
                self.kill()
            self._close_outputs()

    def failure(self, what: str) -> LabError:
        """Return an error about this process, with the end of what it wrote."""
        said = (self.stderr().strip() or self.stdout().strip())[-4000:]
        return LabError(f"{self.command} {what}: {said or '(it wrote nothing)'}")

    def _close_outputs(self) -> None:
        self._stdout.close()
        self._stderr.close()


class _Output:
    """What a process writes: a file without a name, and only its text once closed."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._final: str | None = None

    def text(self) -> str:
        """Return the text so far, by pread: the offset is shared with the process that writes."""
        if self._final is not None:
            return self._final
        size = os.fstat(self.file.fileno()).st_size
        return os.pread(self.file.fileno(), size, 0).decode(errors="replace")

    def close(self) -> None:
        """Keep the text, give back the file."""
        self._final = self.text()
        self.file.close()
