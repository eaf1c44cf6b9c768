"""Choose the daemon for a command: a named one, the one in this network namespace, the only one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vtep.control.client.client import Client, Failed, Forbidden, Gone, Refused
from vtep.control.unix_socket import SUFFIX, socket_directories
from vtep.errors import UsageError
from vtep.host.linux import own_netns

_TIMEOUT_S = 2.0
_REMEDY = "try again, or choose another with --socket"
_EXAMPLE = "vtep --tap vx0 --vni 100 --peer HOST"


class Found(NamedTuple):
    """A daemon that answered.

    Attributes:
        path: of its control socket.
        netns: inode of its network namespace; None if the daemon does not know it.
    """

    path: str
    pid: int
    taps: list[str]
    netns: int | None

    def __str__(self) -> str:
        """Return what identifies the daemon for the user."""
        return f"{','.join(self.taps)} (pid {self.pid}, --socket {self.path})"


@dataclass
class _Search:
    """The result of a search.

    Attributes:
        found: daemons that answered.
        forbidden: paths that this user may not use.
        failed: for each other daemon, why it did not answer, and the remedy.
    """

    found: list[Found] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def find(
    path: str | None = None, tap: str | None = None, directories: Sequence[str] | None = None
) -> Client:
    """Return a client of one daemon.

    Args:
        path: of its control socket; then the other arguments do not matter.
        tap: name of one of its TAPs; None for any.
        directories: of control sockets; by default those of `socket_directories`.

    Raises:
        UsageError: no daemon or several match; of several, those in our own network namespace
            are preferred.
    """
    if path is not None:
        return Client(path)
    search = _search(directories)
    found, here = search.found, own_netns()
    local = [one for one in found if here is not None and one.netns == here]
    if search.failed and not local:
        raise UsageError(search.failed[0])
    if not found and search.forbidden:
        raise UsageError(f"{search.forbidden[0]}: permission denied; run as root")
    if not found:
        raise UsageError(f"running vteps: none here; start one, for example {_EXAMPLE}")
    matching = [one for one in found if tap is None or tap in one.taps]
    if not matching:
        raise UsageError(f"TAP {tap}: no vtep here has it; choose from {_listed(found)}")
    chosen = [one for one in matching if one in local] or matching
    if len(chosen) > 1:
        raise UsageError(
            f"running vteps: {len(chosen)} match; name a TAP, or a --socket of {_listed(chosen)}"
        )
    return Client(chosen[0].path)


def running_daemons() -> list[Found]:
    """Return the daemons that answer this user."""
    return _search(None).found


def _search(directories: Sequence[str] | None) -> _Search:
    search = _Search()
    for directory in socket_directories() if directories is None else directories:
        try:
            names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))
        except PermissionError:
            search.forbidden.append(directory)
            continue
        except OSError:
            continue
        for name in names:
            _query(os.path.join(directory, name), search)
    return search


def _query(path: str, search: _Search) -> None:
    """Query the daemon at *path*, and note the result."""
    try:
        about = Client(path).get("/v1", timeout=_TIMEOUT_S)
        search.found.append(Found(path, about["pid"], about["taps"], about["netns"]))
    except Forbidden:
        search.forbidden.append(path)
    except Failed as error:
        search.failed.append(str(error))
    except Refused as error:
        search.failed.append(f"the vtep at {path}: it answered '{error}'; {_REMEDY}")
    except Gone as error:
        search.failed.append(f"{error.fact}; {_REMEDY}")
    except (UsageError, KeyError, TypeError):
        pass  # a stale socket, or not a vtep


def _listed(found: list[Found]) -> str:
    return "; ".join(map(str, found))
