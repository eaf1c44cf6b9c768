"""Create the Unix control socket; replace a stale one, never the socket of a running daemon."""

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

from vtep.errors import HostError

RUNTIME_DIRECTORY = "/run/vtep"
SUFFIX = ".sock"
_BACKLOG = 32
_MAX_NAMES = 100
_BIND_TO_LISTEN_S = 0.02
"""Time a starting daemon may take from bind to listen."""
_UNUSABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENOSPC}
"""Errors that mean: try the next directory."""


class UnixListener:
    """A listening Unix socket at `path`, with mode 0600.

    Raises:
        FileExistsError: the path is the socket of a running daemon, or not a socket.
        OSError: the kernel refuses the path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(self.socket.fileno(), 0o600)  # bind() creates the file with these bits
            try:
                self.socket.bind(path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                _remove_stale(path)
                self.socket.bind(path)
            self.socket.listen(_BACKLOG)
            self._identity = _identity(path)
        except BaseException:
            self.socket.close()
            raise

    def close(self) -> None:
        """Close the socket; remove the path if it is still this socket's."""
        self.socket.close()
        with suppress(OSError):
            if _identity(self.path) == self._identity:
                os.unlink(self.path)


def listen_at(path: str) -> UnixListener:
    """Listen at a path given by the user.

    Raises:
        HostError: the socket cannot be created there.
    """
    try:
        return UnixListener(path)
    except FileExistsError as error:
        raise HostError(f"control socket {path}: {error}; choose another path") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise HostError(
            f"control socket {path}: cannot be created ({why}); correct --control"
        ) from error


def listen_in_directories(
    name: str, directories: Sequence[str] | None = None
) -> UnixListener | None:
    """Listen in the first usable directory; return None if none can be written.

    Args:
        name: of the socket without suffix: that of the first TAP.
        directories: best first; by default those of `socket_directories`.
    """
    for directory in socket_directories() if directories is None else directories:
        try:
            if not os.path.isdir(directory):
                os.mkdir(directory)
                os.chmod(directory, 0o755)  # whatever the umask
            for candidate in _names(name):
                with suppress(FileExistsError):
                    return UnixListener(os.path.join(directory, candidate + SUFFIX))
        except OSError as error:
            if error.errno not in _UNUSABLE | {errno.EEXIST, None}:  # None: the path is too long
                raise HostError(
                    f"control socket in {directory}: cannot be created ({error.strerror}); "
                    "correct that, or use --control none"
                ) from error
    return None


def _names(name: str) -> Iterator[str]:
    """Yield names to try; several containers that share /run may all be process 1."""
    yield name
    yield f"{name}-{os.getpid()}"
    for number in range(2, _MAX_NAMES + 1):
        yield f"{name}-{os.getpid()}-{number}"


def socket_directories() -> list[str]:
    """Return the directories in which sockets are created and looked for, best first."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    return [RUNTIME_DIRECTORY, *([os.path.join(own, "vtep")] if own else [])]


def _remove_stale(path: str) -> None:
    """Remove the socket of a daemon that has ended; raise FileExistsError for anything else."""
    status = os.lstat(path)
    if not stat.S_ISSOCK(status.st_mode):
        raise FileExistsError("exists, but is not a socket")
    if _is_listening(path):
        raise FileExistsError("the socket of a running process")
    with suppress(FileNotFoundError):
        if _identity(path) == _identity_of(status):
            os.unlink(path)


def _is_listening(path: str) -> bool:
    """Tell whether a process listens at *path*; wait once for one between bind and listen."""
    for wait in (_BIND_TO_LISTEN_S, 0):
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                time.sleep(wait)
            except FileNotFoundError:
                return False
            except OSError:  # not permitted, or its backlog is full
                return True
            else:
                return True
    return False


def _identity(path: str) -> tuple[int, int, int]:
    return _identity_of(os.lstat(path))


def _identity_of(status: os.stat_result) -> tuple[int, int, int]:
    """Return a key of a file; the time is in it because inode numbers are used again."""
    return status.st_dev, status.st_ino, status.st_mtime_ns
