"""A contender: a tunnel that connects the bridges of the two hosts."""

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from vtep.lab import TwoHosts
from vtep.lab.command import environment, execute

Join = Callable[[TwoHosts], AbstractContextManager[tuple[int, ...]]]
"""Connects br0 of h1 and h2 during a block, and yields the process ids of both ends.

LabError on entry means that the contender cannot start on this machine.
"""

_CHECK = [sys.executable, "-m", "vtep", "check", "--tap=vx0", "--vni=1", "--peer=192.0.2.1"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One tunnel with its options.

    Attributes:
        name: the value for --contender.
        what: description in one line.
        join: connects the hosts.
        programs: commands that must be installed.
        option: options of vtep that it uses, which this version must have.
        main: whether it takes part in every test, or only in one of each kind.
        package: its Debian package, if any.
    """

    name: str
    what: str
    join: Join
    programs: tuple[str, ...] = ()
    option: tuple[str, ...] = ()
    main: bool = False
    package: str = ""

    def missing(self) -> str | None:
        """Return why it cannot run on this machine; None if nothing is known to be missing."""
        for program in self.programs:
            if shutil.which(program, path=environment()["PATH"]) is None:
                return f"the program {program} is not installed"
        if self.option:
            done = execute([*_CHECK, *self.option], check=False)
            if done.returncode != 0:
                return done.stderr.strip().removeprefix("vtep: error: ")
        return None
