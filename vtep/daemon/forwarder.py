"""The event loop's side of forwarding: read frames, hand them to the worker, send and write.

Each readiness event reads at most one batch. If data is left, the loop reports the descriptor
again, so no direction starves another. Both directions share one pool of slots: a batch has left it
before the next one is read.

A frame takes one of two paths:

    alone       on an idle link: one read, one lookup in the flow cache, one send or write
    in a batch  while frames wait: as many as the poll budget allows go through the worker together
"""

import asyncio
import errno
import time
from collections.abc import Callable, Sequence
from functools import partial

from vtep.daemon.keep_warm import KeepWarm
from vtep.daemon.poll_stats import PollBudget, PollStats
from vtep.daemon.setup import Runtime
from vtep.daemon.traced import TracedReaders, Tracer
from vtep.dataplane.decap import Delivery, count_undelivered
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.peer import Transmit
from vtep.host.linux import Buffer
from vtep.host.tap import Tap
from vtep.offload.finish import finish
from vtep.wire import virtio
from vtep.wire.slot import SMALL_END, TAP_AT, UDP_AT, SlotRef

_GSO_TYPE_AT = TAP_AT + virtio.GSO_TYPE_AT
_PAUSE_S = 50e-6
"""Least time between two batches that the event loop spent waiting, not working."""


class Forwarder:
    """Moves frames between the devices and the worker.

    Args:
        runtime: the open devices, the tables and the worker.
        keep_warm: rehearse the path of single frames while the link is idle.

    Attributes:
        encap_stats, decap_stats: of the batches to the underlay and from it.
    """

    def __init__(self, runtime: Runtime, *, keep_warm: bool = False) -> None:
        self.encap_stats, self.decap_stats = PollStats(), PollStats()
        self._worker = worker = runtime.worker
        self._taps = runtime.taps
        self._underlay = runtime.underlay
        self._wants_warmth = keep_warm
        self._warm: KeepWarm | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tracer: Tracer | None = None
        self._traced = TracedReaders(
            worker, self._underlay, self._send, self._deliver, lambda: self._tracer
        )
        self._write = {
            port: tap.write if tap.takes_uso else partial(_write_finished, tap)
            for port, tap in self._taps.items()
        }
        self._tap_budgets = {tap: PollBudget() for tap in self._taps.values()}
        self._udp_budget = PollBudget()
        self._ended = 0.0
        self._last_tap: tuple[AccessPort, Tap] | None = None
        self._takes_gso = runtime.uplink is not None
        # For each small slot, each large slot, and each large slot behind a full small one.
        large, small = worker.pool.large.views, worker.pool.small.views
        self._tap_small = [slot[TAP_AT:SMALL_END] for slot in small]
        self._tap_large = [slot[TAP_AT:] for slot in large]
        self._udp_small = [slot[UDP_AT:SMALL_END] for slot in small]
        self._udp_large = [slot[UDP_AT:] for slot in large]
        self._overflow = [slot[SMALL_END:] for slot in large]
        self._tap_is_small = self._udp_is_small = True
        self._readers = self._make_readers()

    @property
    def tracer(self) -> Tracer | None:
        """Callback for the outcome of every frame; while set, frames are handled one at a time.

        It may reset itself. Setting it replaces the readers, so None (the default) costs nothing.
        """
        return self._tracer

    @tracer.setter
    def tracer(self, tracer: Tracer | None) -> None:
        was_traced, self._tracer = self._tracer is not None, tracer
        if was_traced is not (tracer is not None):
            self._readers = self._make_readers()
            self._register()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to forward."""
        self._loop = loop
        if self._wants_warmth:
            self._warm = KeepWarm(loop, self._rehearse)
        self._register()

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop forwarding. Call it before you close a device."""
        self._loop = None
        if self._warm is not None:
            self._warm.close()
            self._warm = None
        for fd in self._readers:
            loop.remove_reader(fd)

    def poll(self, fd: int) -> None:
        """Do what the event loop does when descriptor *fd* of a device is readable."""
        self._readers[fd]()

    def _make_readers(self) -> dict[int, Callable[[], None]]:
        """Return the callback of each descriptor: the traced ones while there is a tracer."""
        taps = self._taps.items()
        if self._tracer is not None:
            traced = self._traced
            from_tap = {
                tap.fileno(): partial(traced.from_tap, port, tap, self.encap_stats)
                for port, tap in taps
            }
            return {
                **from_tap,
                self._underlay.fileno(): partial(traced.from_underlay, self.decap_stats),
            }
        return {
            **{tap.fileno(): partial(self._from_tap, port, tap) for port, tap in taps},
            self._underlay.fileno(): self._from_underlay,
        }

    def _register(self) -> None:
        if self._loop is not None:
            for fd, reader in self._readers.items():
                self._loop.add_reader(fd, reader)

    # -- from a TAP to the underlay

    def _from_tap(self, port: AccessPort, tap: Tap) -> None:
        """Forward one batch of frames from a TAP to the underlay."""
        now = time.monotonic()
        self._worker.begin_batch(now)
        budget = self._tap_budgets[tap]
        if budget.frames == 1:
            got = self._one_from_tap(port, tap, now)
        else:
            got = self._batch_from_tap(port, tap, budget.frames)
        self._end_batch(budget, self.encap_stats, got, now)

    def _end_batch(self, budget: PollBudget, stats: PollStats, got: int, began: float) -> None:
        """Count the batch, and adapt the budget."""
        is_busy = began - self._ended < _PAUSE_S
        ended = stats.count(got, began)
        budget.adapt(got, began, ended, is_busy=is_busy)
        if got:
            self._ended = ended

    # HOT PATH: bench rtt
    def _one_from_tap(self, port: AccessPort, tap: Tap, now: float) -> int:
        """Forward the one frame of an idle link; return the number of frames read."""
        octets = tap.read((self._tap_large[0],))
        if not octets:
            return 0
        worker = self._worker
        large, end = worker.pool.large, TAP_AT + octets
        slot = large.views[0]
        if self._warm is not None and self._warm.extend(now, outbound=True):
            worker.encap.remember(port, slot, end)
            self._last_tap = port, tap
        transmit = worker.encap.encapsulate_one(port, slot, end)
        if transmit is not None:
            self._send(transmit)
        else:
            worker.encap.encapsulate(port, ((large, 0, end),), self._send)
        return 1

    # HOT PATH: bench udp, tcp
    def _batch_from_tap(self, port: AccessPort, tap: Tap, budget: int) -> int:
        """Forward up to *budget* frames; return the number of frames read."""
        worker, read = self._worker, tap.read
        large, small = worker.pool.large, worker.pool.small
        frames: list[SlotRef] = []
        number = short = got = 0
        is_small = self._tap_is_small
        while got < budget:
            # Frames are read directly into small slots while they are small.
            if is_small:
                octets = read((self._tap_small[short], self._overflow[number]))
                slot = small.views[short]
            else:
                octets = read((self._tap_large[number],))
                slot = large.views[number]
            if not octets:
                break
            got += 1
            end = TAP_AT + octets
            if end <= SMALL_END and not slot[_GSO_TYPE_AT]:
                if not is_small:
                    small.views[short][TAP_AT:end] = slot[TAP_AT:end]
                    is_small = True
                frames.append((small, short, end))
                short += 1
                continue
            if is_small:
                end_of_small = min(end, SMALL_END)
                large.views[number][TAP_AT:end_of_small] = slot[TAP_AT:end_of_small]
                slot = large.views[number]
                is_small = False
            if self._takes_gso and not frames:
                transmit = worker.encap.encapsulate_gso(port, slot, end)
                if transmit is not None:
                    self._send(transmit)
                    continue
            frames.append((large, number, end))
            number += 1
            if number == len(large):
                break
        self._tap_is_small = is_small
        worker.encap.encapsulate(port, frames, self._send)
        return got

    def _send(self, transmit: Transmit) -> None:
        """Send to each peer of a next hop."""
        for peer in transmit.next_hop.peers:
            peer.transport.send(transmit, peer)

    # -- from the underlay to the TAPs

    def _from_underlay(self) -> None:
        """Forward one batch of datagrams from the underlay to the TAPs."""
        now = time.monotonic()
        self._worker.begin_batch(now)
        budget = self._udp_budget
        if budget.frames == 1:
            got = self._one_from_underlay(now)
        else:
            got = self._batch_from_underlay(budget.frames)
        self._end_batch(budget, self.decap_stats, got, now)

    def _one_from_underlay(self, now: float) -> int:
        """Forward the one message of an idle link; return the number of messages read."""
        received = self._underlay.receive((self._udp_large[0],))
        if received is None:
            return 0
        octets, sender, size = received
        decap, large, end = self._worker.decap, self._worker.pool.large, UDP_AT + octets
        if not size:
            slot = large.views[0]
            if self._warm is not None and self._warm.extend(now, outbound=False):
                decap.remember(slot, end, sender)
            delivery = decap.decapsulate_one(slot, end, sender, is_alone=True)
            if delivery is not None:
                self._deliver(delivery)
                self._poll_idle_tap(delivery.overlay.port)
                return 1
        decap.decapsulate((Message(large, 0, end, sender, size or octets),), self._deliver)
        return 1

    def _poll_idle_tap(self, port: AccessPort) -> None:
        """Forward the answer to a frame that was just written, if the kernel gave one already.

        It answers many frames (ping, TCP acknowledgements) before the write returns. The read is
        cheaper than another wake-up.
        """
        tap = self._taps[port]
        if self._tap_budgets[tap].frames == 1:
            now = time.monotonic()
            if self._one_from_tap(port, tap, now):
                self._ended = self.encap_stats.count(1, now)

    # HOT PATH: bench udp, tcp
    def _batch_from_underlay(self, budget: int) -> int:
        """Forward up to *budget* messages; return the number of messages read."""
        worker, receive = self._worker, self._underlay.receive
        large, small = worker.pool.large, worker.pool.small
        messages: list[Message] = []
        number = short = got = long_ones = 0
        is_small = self._udp_is_small
        while got < budget and long_ones < len(large):
            # Messages are received directly into small slots while they are small.
            if is_small:
                received = receive((self._udp_small[short], self._overflow[number]))
                slot = small.views[short]
            else:
                received = receive((self._udp_large[number],))
                slot = large.views[number]
            if received is None:
                break
            got += 1
            octets, sender, size = received
            end = UDP_AT + octets
            fits_small = end <= SMALL_END
            if is_small and not fits_small:
                large.views[number][UDP_AT:SMALL_END] = slot[UDP_AT:SMALL_END]
                slot = large.views[number]
                is_small = False
            long_ones += not fits_small
            if not size and not messages:
                delivery = worker.decap.decapsulate_one(slot, end, sender, is_alone=False)
                if delivery is not None:
                    self._deliver(delivery)
                    is_small = fits_small
                    continue
            if fits_small:
                if not is_small:
                    small.views[short][UDP_AT:end] = slot[UDP_AT:end]
                    is_small = True
                messages.append(Message(small, short, end, sender, size or octets))
                short += 1
            else:
                messages.append(Message(large, number, end, sender, size or octets))
                number += 1
        self._udp_is_small = is_small
        worker.decap.decapsulate(messages, self._deliver)
        return got

    def _deliver(self, delivery: Delivery) -> None:
        """Write a frame to its TAP."""
        error = self._write[delivery.overlay.port](delivery.parts)
        if error:
            count_undelivered(delivery, error)

    def _rehearse(self) -> None:
        """Poll the devices of the last single frames, and repeat these up to the send."""
        if self._tracer is not None:
            return
        worker, now = self._worker, time.monotonic()
        worker.begin_batch(now)
        if self._last_tap is not None:
            port, tap = self._last_tap
            if self._tap_budgets[tap].frames == 1 and self._one_from_tap(port, tap, now):
                self._ended = self.encap_stats.count(1, now)
        if self._udp_budget.frames == 1 and self._one_from_underlay(now):
            self._ended = self.decap_stats.count(1, now)
        worker.encap.rehearse()
        worker.decap.rehearse()


def _write_finished(tap: Tap, parts: Sequence[Buffer]) -> int:
    """Write a frame; finish it first if the TAP does not take its virtio header.

    Returns 0, or an errno.
    """
    if tap.vnet_header and parts[0][virtio.GSO_TYPE_AT] != virtio.GSO_UDP_L4:
        return tap.write(parts)
    error = errno.EINVAL
    for frame in finish(parts):
        error = tap.write((frame,))
        if error:
            break
    return error
