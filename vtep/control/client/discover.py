"""Which daemon a command is to ask: the one there is, the one here, or the one that is named."""

import os
from typing import NamedTuple

from vtep.control.client.client import Client, Forbidden, Gone, Refused, own_netns
from vtep.control.unix_socket import SUFFIX, directories
from vtep.errors import UsageError

_ANSWER_S = 2.0
_EXAMPLE = "vtep --tap vx0 --vni 100 --peer HOST"


class Found(NamedTuple):
    """A daemon that answered."""

    path: str
    pid: int
    taps: list[str]
    netns: int

    def __str__(self) -> str:
        """Say which it is."""
        return f"{','.join(self.taps)} (pid {self.pid}, --socket {self.path})"


def find(path: str | None = None, tap: str | None = None) -> Client:
    """Return a client of the daemon at `path`, else of the one with this TAP, else of the only one.

    Of several, those in our own network namespace are meant.

    Raises:
        ConfigError: there is none, or not one alone; it says how to choose.
    """
    if path is not None:
        return Client(path)
    found, forbidden, silent = _all()
    here = own_netns()
    if silent and not any(one.netns == here for one in found):
        raise UsageError(f"{silent[0]}: try again, or name the --socket of another")
    if not found and forbidden:
        raise UsageError(f"not permitted to ask the vtep at {forbidden[0]}: ask as root")
    if not found:
        raise UsageError(f"no vtep runs here: start one, as with {_EXAMPLE}")
    fitting = [one for one in found if tap is None or tap in one.taps]
    if not fitting:
        raise UsageError(f"no vtep here has a TAP {tap}: there is {_listed(found)}")
    chosen = [one for one in fitting if one.netns == here] or fitting
    if len(chosen) > 1:
        raise UsageError(
            f"{len(chosen)} vteps run here: name a TAP, or one --socket, of {_listed(chosen)}"
        )
    return Client(chosen[0].path)


def _all() -> tuple[list[Found], list[str], list[str]]:
    """Return who answers, the sockets of those we may not ask, and why others do not answer."""
    found, forbidden, silent = [], [], []
    for directory in directories():
        try:
            names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))
        except PermissionError:
            forbidden.append(directory)
            continue
        except OSError:
            continue
        for path in (os.path.join(directory, name) for name in names):
            try:
                about = Client(path).get("/v1", timeout=_ANSWER_S)
                found.append(Found(path, about["pid"], about["taps"], about["netns"]))
            except Forbidden:
                forbidden.append(path)
            except Refused as error:
                silent.append(f"the vtep at {path} answered: {error}")
            except Gone as error:
                silent.append(str(error))
            except (UsageError, KeyError, TypeError):
                continue
    return found, forbidden, silent


def _listed(found: list[Found]) -> str:
    return "; ".join(map(str, found))


def runtime() -> list[Found]:
    """Return the daemons that answer us."""
    return _all()[0]
