"""What answers are about: the running daemon."""

import time
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from vtep.config.model import Config
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Runtime
from vtep.dataplane.vtep import Vtep
from vtep.trace.outer_headers import Outside, ask_kernel
from vtep.trace.sampler import Frames


@dataclass(frozen=True, eq=False)
class Subject:
    """The daemon that is asked; handlers find it as request.app[SUBJECT].

    Attributes:
        started: monotonic seconds.
    """

    config: Config
    runtime: Runtime
    forwarder: Forwarder
    started: float = field(default_factory=time.monotonic)

    @property
    def vtep(self) -> Vtep:
        """Its overlays, tables and counters."""
        return self.runtime.vtep


SUBJECT = web.AppKey("subject", Subject)
FRAMES = web.AppKey("frames", Frames)


def outside_of(subject: Subject) -> Outside:
    """Return what makes the packets of a running daemon."""
    runtime, underlay = subject.runtime, subject.config.underlay
    way_to = partial(ask_kernel, local=underlay.local, dev=underlay.dev, fallback=runtime.local)
    return Outside(runtime.vtep.port, way_to)
