"""Run a process in the background, keep its output, and end it with us."""

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
from vtep.lab.wait import GENEROUS_S


def tied_to_parent(argv: Sequence[str]) -> list[str]:
    """Return `argv` with a prefix so that the kernel kills it when the starting thread ends.

    setpriv sets PR_SET_PDEATHSIG (prctl(2)), because Python code between fork and exec is not safe
    in a process with threads. The signal is not sent if the parent ended earlier; so a shell then
    checks that we are still its parent.
    """
    still_ours = '[ "$PPID" = "$0" ] && exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", still_ours, str(os.getpid()), *argv]


class Process(Resource):
    """A started process; its standard output and error are readable at any time.

    It has its own session, so Ctrl-C reaches only us and we end processes in order. If we are
    killed, it is killed too. Use it as a context manager, or call stop(). Its children must not
    outlive it.

    Raises:
        LabError: on construction, if setpriv is missing.
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
        """The process id of the command; the prefix programs have replaced themselves by exec."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._popen.poll()

    def stdout(self) -> str:
        """Return its standard output so far."""
        return self._stdout.text()

    def stderr(self) -> str:
        """Return its standard error so far."""
        return self._stderr.text()

    def signal(self, number: int) -> None:
        """Send a signal; LabError if the process has already ended."""
        if self.exit_code is not None:
            raise self.failure("has already ended")
        self._popen.send_signal(number)

    def wait(self, timeout: float = GENEROUS_S) -> int:
        """Wait for the end and return the exit code; LabError after `timeout` seconds."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self.failure(f"still runs after {timeout:g} s") from None

    def stop(self, timeout: float = GENEROUS_S) -> int:
        """Send SIGTERM and return the exit code; LabError, after SIGKILL, if it does not end."""
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
        """End it, by SIGKILL if necessary; its output stays readable."""
        try:
            with contextlib.suppress(LabError):
                self.stop(timeout=3.0)
        finally:
            if self.exit_code is None:
                self.kill()
            self._close_outputs()

    def failure(self, what: str) -> LabError:
        """Return an error about this process, with the end of its output."""
        output = (self.stderr().strip() or self.stdout().strip())[-4000:]
        return LabError(f"{self.command} {what}: {output or '(no output)'}")

    def _close_outputs(self) -> None:
        self._stdout.close()
        self._stderr.close()


class _Output:
    """The output of a process: an unnamed file, replaced by its text when closed."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._final: str | None = None

    def text(self) -> str:
        """Return the text so far; pread, because the writing process shares the file offset."""
        if self._final is not None:
            return self._final
        size = os.fstat(self.file.fileno()).st_size
        return os.pread(self.file.fileno(), size, 0).decode(errors="replace")

    def close(self) -> None:
        """Keep the text and close the file."""
        self._final = self.text()
        self.file.close()
