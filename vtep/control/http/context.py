"""The running daemon as the handlers see it, and where an application keeps it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from vtep.config.model import Config
from vtep.control.http.limits import Limits
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.vtep import Vtep
from vtep.trace.outer_headers import OuterRebuilder, kernel_source
from vtep.trace.sampler import Traceable, TraceHub


class Devices(Protocol):
    """What the handlers read of vtep.daemon.setup.Runtime."""

    @property
    def vtep(self) -> Vtep:
        """Overlays, tables and counters."""

    @property
    def taps(self) -> Mapping[AccessPort, object]:
        """The TAP of each access port."""

    @property
    def local(self) -> str:
        """The underlay address that datagrams leave from."""


class PollCounters(Protocol):
    """What the handlers read of one direction of a forwarder.

    Attributes:
        frames: frames or messages read.
        sizes: number of batches of 0, 1, 2-3, 4-7, ... frames.
        busy: seconds spent on batches.
    """

    frames: int
    sizes: list[int]
    busy: float


class Polling(Traceable, Protocol):
    """What the handlers use of vtep.daemon.forwarder.Forwarder."""

    @property
    def encap_stats(self) -> PollCounters:
        """The direction to the underlay."""

    @property
    def decap_stats(self) -> PollCounters:
        """The direction from the underlay."""


@dataclass(frozen=True, eq=False)
class DaemonContext:
    """A running daemon; handlers find it as request.app[DAEMON].

    Attributes:
        started: monotonic seconds.
    """

    config: Config
    runtime: Devices
    forwarder: Polling
    started: float = field(default_factory=time.monotonic)

    @property
    def vtep(self) -> Vtep:
        """Overlays, tables and counters."""
        return self.runtime.vtep

    @property
    def taps(self) -> Sequence[str]:
        """The names of the TAPs."""
        return [port.name for port in self.runtime.taps]

    def outer_rebuilder(self) -> OuterRebuilder:
        """Return a rebuilder of the outer headers of this daemon's datagrams."""
        underlay = self.config.underlay
        source_of = kernel_source(underlay.local, underlay.dev, fallback=self.runtime.local)
        return OuterRebuilder(self.vtep.port, source_of)


DAEMON = web.AppKey("daemon", DaemonContext)
TRACES = web.AppKey("traces", TraceHub)
LIMITS = web.AppKey("limits", Limits)
