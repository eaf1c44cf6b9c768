"""What a contender is: something that joins the two hosts' bridges."""

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from vtep.lab import TwoHosts
from vtep.lab.command import environment, execute

Join = Callable[[TwoHosts], AbstractContextManager[tuple[int, ...]]]
"""Joins br0 of h1 and h2 for a block, and tells the ids of the processes that do it, both ends.

LabError from the entry means that it cannot be started here.
"""

_CHECK = [sys.executable, "-m", "vtep", "check", "--tap=vx0", "--vni=1", "--peer=192.0.2.1"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One that is measured.

    Attributes:
        name: as --contender takes it.
        what: what it is, in a line.
        join: how it joins the hosts.
        programs: what must be installed, by command.
        option: the words of ours it is made of, which this vtep must know.
        main: whether it takes part in every test, and not only in one of each kind.
        package: the Debian package it comes from, if any.
    """

    name: str
    what: str
    join: Join
    programs: tuple[str, ...] = ()
    option: tuple[str, ...] = ()
    main: bool = False
    package: str = ""

    def missing(self) -> str | None:
        """Return why it cannot take part on this machine; None when nothing is known to lack."""
        for program in self.programs:
            if shutil.which(program, path=environment()["PATH"]) is None:
                return f"the program {program} is not installed"
        if self.option:
            done = execute([*_CHECK, *self.option], check=False)
            if done.returncode != 0:
                return done.stderr.strip().removeprefix("vtep: error: ")
        return None
