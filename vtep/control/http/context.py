"""What answers are about: the running daemon."""

import time
from dataclasses import dataclass, field

from aiohttp import web

from vtep.config.model import Config
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Running
from vtep.dataplane.vtep import Vtep


@dataclass(frozen=True, eq=False)
class Subject:
    """The daemon that is asked; handlers find it as request.app[SUBJECT].

    Attributes:
        started: monotonic seconds.
    """

    config: Config
    running: Running
    forwarder: Forwarder
    started: float = field(default_factory=time.monotonic)

    @property
    def vtep(self) -> Vtep:
        """Its overlays, tables and counters."""
        return self.running.vtep


SUBJECT = web.AppKey("subject", Subject)
