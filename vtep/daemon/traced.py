"""Readers that replace those of the forwarder while a tracer is set: each frame goes alone."""

import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from vtep.daemon.poll_stats import PollStats
from vtep.dataplane.decap import Deliver
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.encap_queue import Send
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.worker import Worker
from vtep.host.tap import Tap
from vtep.host.underlay import Underlay
from vtep.trace.outcome import Outcome, inbound, outbound, split_by_vni
from vtep.wire.slot import TAP_AT, UDP_AT

_MAX_TRACED = 16
"""Most frames traced in one batch: each takes ten times as long."""

Tracer: TypeAlias = Callable[[Outcome], None]


class TracedReaders:
    """Forwards frames one by one, and calls the tracer with the outcome of each.

    Args:
        worker: forwards them.
        underlay: the UDP sockets.
        send: sends a Transmit.
        deliver: writes a Delivery.
        tracer: returns the tracer; None, which may happen during a batch, ends the batch.
    """

    def __init__(
        self,
        worker: Worker,
        underlay: Underlay,
        send: Send,
        deliver: Deliver,
        tracer: Callable[[], Tracer | None],
    ) -> None:
        self._worker = worker
        self._underlay = underlay
        self._send = send
        self._deliver = deliver
        self._tracer = tracer

    def from_tap(self, port: AccessPort, tap: Tap, stats: PollStats) -> None:
        """Forward some frames from a TAP."""
        large, now, got = self._worker.pool.large, time.monotonic(), 0
        buffers = (large.views[0][TAP_AT:],)
        try:
            for tracer in self._tracers():
                octets = tap.read(buffers)
                if not octets:
                    break
                got += 1
                ref = (large, 0, TAP_AT + octets)
                tracer(outbound(self._worker, port, ref, now, self._send, self._underlay.ports))
        finally:
            stats.count(got, now)

    def from_underlay(self, stats: PollStats) -> None:
        """Forward some messages from the underlay."""
        large, now, got = self._worker.pool.large, time.monotonic(), 0
        underlay, buffers = self._underlay, (large.views[0][UDP_AT:],)
        try:
            for tracer in self._tracers():
                received = underlay.receive(buffers)
                if received is None:
                    break
                got += 1
                octets, sender, size = received
                message = Message(large, 0, UDP_AT + octets, sender, size or octets)
                # All parts are forwarded before the tracer can fail.
                outcomes = [
                    inbound(self._worker, part, now, self._deliver, underlay.source_port)
                    for part in split_by_vni(message)
                ]
                for outcome in outcomes:
                    tracer(outcome)
        finally:
            stats.count(got, now)

    def _tracers(self) -> Iterator[Tracer]:
        """Yield the tracer for each frame of a batch, as long as there is one."""
        for _ in range(_MAX_TRACED):
            tracer = self._tracer()
            if tracer is None:
                return
            yield tracer
