"""Where the control socket lies: a path of our own, taken from no daemon that lives."""

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import closing, suppress

from vtep.errors import HostError

RUNTIME_DIRECTORY = "/run/vtep"
SUFFIX = ".sock"
_BACKLOG = 32
_MOST_ALIKE = 100
_AGAIN_S = 0.02
"""How long a daemon may take from bind to listen."""
_NO_DIRECTORY = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENOSPC}


class Listener:
    """A Unix socket that listens at `path`, mode 0600.

    Raises:
        FileExistsError: a daemon that lives, or what is no socket, is there.
        OSError: it cannot be.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(self.socket.fileno(), 0o600)  # Linux makes the file with these bits
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
        """Close it, and remove the path if it is still ours."""
        self.socket.close()
        with suppress(OSError):
            if _identity(self.path) == self._identity:
                os.unlink(self.path)


def listen_at(path: str) -> Listener:
    """Listen at the path that was asked for.

    Raises:
        HostError: it cannot be.
    """
    try:
        return Listener(path)
    except FileExistsError as error:
        raise HostError(f"control {path} {error}: choose another path") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise HostError(f"cannot make the control socket {path} ({why}): correct --control") from (
            error
        )


def listen_somewhere(name: str) -> Listener | None:
    """Listen where a daemon of this name is looked for; None where no directory can be written."""
    for directory in directories():
        try:
            if not os.path.isdir(directory):
                os.mkdir(directory)
                os.chmod(directory, 0o755)  # whatever the umask
            for free in _names(name):
                with suppress(FileExistsError):
                    return Listener(os.path.join(directory, free + SUFFIX))
        except OSError as error:
            if error.errno not in _NO_DIRECTORY | {errno.EEXIST, None}:  # None: it is too long
                raise HostError(
                    f"cannot make the control socket in {directory} ({error.strerror}): "
                    "correct that, or use --control none"
                ) from error
    return None


def _names(name: str) -> Iterator[str]:
    """Yield names to try: in containers that share /run many are process 1."""
    yield name
    yield f"{name}-{os.getpid()}"
    for number in range(2, _MOST_ALIKE + 1):
        yield f"{name}-{os.getpid()}-{number}"


def directories() -> Iterator[str]:
    """Yield where sockets are made and looked for, best first."""
    yield RUNTIME_DIRECTORY
    own = os.environ.get("XDG_RUNTIME_DIR")
    if own:
        yield os.path.join(own, "vtep")


def _remove_stale(path: str) -> None:
    """Remove the socket of a daemon that is gone; FileExistsError if that is not what is there."""
    there = os.lstat(path)
    if not stat.S_ISSOCK(there.st_mode):
        raise FileExistsError("exists and is not a socket")
    if _lives(path):
        raise FileExistsError("is the socket of a process that runs")
    with suppress(FileNotFoundError):
        if _identity(path) == _identity_of(there):
            os.unlink(path)


def _lives(path: str) -> bool:
    """Tell whether somebody listens there; one who is about to has a moment."""
    for wait in (_AGAIN_S, 0):
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as asking:
            asking.setblocking(False)
            try:
                asking.connect(path)
            except ConnectionRefusedError:
                time.sleep(wait)
            except FileNotFoundError:
                return False
            except OSError:  # not permitted, or too many wait there already
                return True
            else:
                return True
    return False


def _identity(path: str) -> tuple[int, int, int]:
    return _identity_of(os.lstat(path))


def _identity_of(there: os.stat_result) -> tuple[int, int, int]:
    """Return what tells one file from a later one, which may have its inode number again."""
    return there.st_dev, there.st_ino, there.st_mtime_ns
