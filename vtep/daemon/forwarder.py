"""Batches from the devices to the Vtep and back: what the event loop calls.

A readable TAP or socket is drained for one bounded batch; what is left makes it readable again, so
that no side waits behind more than one batch of another.  All sides share one pool of slots: a
batch has left it before the next is read.
"""

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from vtep import log
from vtep.daemon.setup import Runtime
from vtep.dataplane.decap import Delivery
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.encap_queue import Route, Transmit
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.peer import Peer
from vtep.host.linux import Buffer
from vtep.host.tap import Tap
from vtep.host.underlay import CANNOT_CUT
from vtep.offload.finish import finish
from vtep.offload.inject import Envelopes, Whole
from vtep.trace.outcome import Outcome, apart, inbound, outbound
from vtep.wire import virtio
from vtep.wire.slot import SMALL_MAX, TAP_AT, UDP_AT, Place

_INJECTOR_GONE = (errno.EIO, errno.EBADFD)
_GROWTH, _MOST_AT_ONCE = 4, 64
"""How fast a batch may grow while a device always has more, and how large."""
_MOST_WATCHED = 16


class Batches:
    """How one direction was handled so far.

    Attributes:
        frames: frames or messages read.
        sizes: how many batches there were of 0, 1, 2-3, 4-7, ... 64 of them.
        busy: seconds spent on them.
    """

    __slots__ = ("busy", "frames", "sizes")

    def __init__(self) -> None:
        self.frames = 0
        self.sizes = [0] * (_MOST_AT_ONCE.bit_length() + 1)
        self.busy = 0.0

    # HOT PATH
    def count(self, got: int, began: float) -> None:
        """Note a batch of *got*, begun at *began* by the monotonic clock."""
        self.frames += got
        self.sizes[got.bit_length()] += 1
        self.busy += time.monotonic() - began


class Forwarder:
    """Moves batches between the devices and the Vtep.

    Attributes:
        encap, decap: what was done so far, to the underlay and from it.
        witness: is told what became of each frame, which goes alone while there is one; it may
            take itself away.  None, as usual, costs nothing.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.encap, self.decap = Batches(), Batches()
        self.tracer: Callable[[Outcome], None] | None = None
        self._vtep = runtime.vtep
        self._taps = runtime.taps
        self._underlay = runtime.underlay
        self._uplink = runtime.uplink
        self._pool = runtime.vtep.pool
        self._tap_views = [slot[TAP_AT:] for slot in self._pool.large.views]
        self._patience: dict[Tap | None, int] = dict.fromkeys((None, *runtime.taps.values()), 1)
        self._udp_views = [slot[UDP_AT:] for slot in self._pool.large.views]
        self._write = {
            port: tap.write if tap.takes_uso else partial(_write_what_it_takes, tap)
            for port, tap in runtime.taps.items()
        }
        self._vtep.outbound.max_segments = self._underlay.segments

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to forward."""
        for port, tap in self._taps.items():
            loop.add_reader(tap.fileno(), self._from_tap, port, tap)
        loop.add_reader(self._underlay.fileno(), self._from_underlay)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop forwarding; to be called before any device is closed."""
        for tap in self._taps.values():
            loop.remove_reader(tap.fileno())
        loop.remove_reader(self._underlay.fileno())

    # HOT PATH
    def _from_tap(self, port: AccessPort, tap: Tap) -> None:
        """Forward one batch of frames from a TAP to the underlay."""
        if self.tracer is not None:
            self._watch_tap(port, tap)
            return
        large, small = self._pool.large, self._pool.small
        read, views = tap.read, self._tap_views
        frames: list[Place] = []
        number = short = got = injected = 0
        now = time.monotonic()
        asked = self._patience[tap]
        for _ in range(asked):
            octets = read(views[number])
            if not octets:
                break
            got += 1
            end = TAP_AT + octets
            if octets > SMALL_MAX and self._uplink is not None:
                if frames:
                    self._send(self._vtep.outbound.encapsulate(port, frames, now))
                    frames.clear()
                    short = 0
                slot = large.views[number]
                uncut = self._vtep.outbound.uncut(port, slot, end, now)
                if uncut is not None:
                    self._inject_uncut(slot[UDP_AT:end], *uncut)
                    number = 0
                    injected += 1
                    if injected == len(large):
                        break
                    continue
            if octets > SMALL_MAX or asked == 1:
                frames.append((large, number, end))
                number += 1
                if number == len(large):
                    break
            else:
                small.views[short][TAP_AT:end] = views[number][:octets]
                frames.append((small, short, end))
                short += 1
        self._patience[tap] = _patience(got, asked)
        if frames or not got:
            self._send(self._vtep.outbound.encapsulate(port, frames, now))
        self.encap.count(got, now)

    # HOT PATH
    def _send(self, transmits: Iterable[Transmit]) -> None:
        """Send, or inject, what becomes of frames."""
        send = self._underlay.send
        for transmit in transmits:
            _, parts, peers, segment_size, lane, _, whole = transmit
            for peer in peers:
                if whole is not None:
                    self._inject_uncut(parts[0], whole, Route(lane, transmit.overlay, peer.alone))
                    continue
                if peer.envelopes is not None:
                    self._inject(transmit, peer, peer.envelopes)
                    continue
                error = send(parts, peer.address, segment_size, lane)
                if error:
                    self._not_sent(transmit, peer, error)

    # HOT PATH
    def _inject_uncut(self, part: memoryview, whole: Whole, route: Route) -> None:
        """Write a super-frame, its VXLAN header in front, into the uplink TAP for each peer."""
        lane, overlay, peers, _, _ = route
        for peer in peers:
            envelopes, uplink = peer.envelopes, self._uplink
            error = errno.EIO  # for one that it has failed for a moment ago
            if uplink is not None and envelopes is not None:
                error = uplink.injector.write((envelopes[lane].super_frame(whole), part))
                uplink.injected += not error
            if error:
                transmit = Transmit(overlay, (part,), peers, 0, lane, whole.octets, whole)
                self._not_injected(transmit, peer, error)

    # HOT PATH
    def _inject(self, transmit: Transmit, peer: Peer, envelopes: Envelopes) -> None:
        """Write datagrams that are to leave for *peer* into the uplink TAP, in one packet."""
        _, parts, _, segment_size, lane, octets, _ = transmit
        uplink = self._uplink
        assert uplink is not None
        front = envelopes[lane].datagrams(octets, segment_size)
        error = uplink.injector.write((front, *parts))
        uplink.injected += not error
        if error:
            self._not_injected(transmit, peer, error)

    def _not_injected(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Count what the uplink TAP did not take, and do without it when it is gone."""
        self._vtep.outbound.inject_failed(transmit, peer, error)
        uplink = self._uplink
        if error in _INJECTOR_GONE and uplink is not None and uplink.failed is None:
            uplink.fail(f"{uplink.injector.name} was set down or deleted", self._vtep.peers())

    def _not_sent(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Send in smaller pieces what the kernel would not cut; count what is left."""
        _, parts, _, size, lane, _, _ = transmit
        segments = self._underlay.segments
        if not size or error not in CANNOT_CUT:
            self._vtep.outbound.send_failed(transmit, peer, error)
            return
        for octets, why in self._underlay.send_apart(parts, peer.address, size, lane, error):
            left = transmit._replace(parts=(octets,), octets=len(octets))
            self._vtep.outbound.send_failed(left, peer, why)
        if self._underlay.segments < segments:
            self._vtep.outbound.max_segments = segments = self._underlay.segments
            many = f"at most {segments} datagrams" if segments > 1 else "each datagram alone"
            log.info(
                f"UDP_SEGMENT failed ({os.strerror(error)}): sending {many} from now on",
                udp_segment=segments,
            )

    # HOT PATH
    def _from_underlay(self) -> None:
        """Forward one batch of datagrams from the underlay to the TAPs."""
        if self.tracer is not None:
            self._watch_underlay()
            return
        large, small = self._pool.large, self._pool.small
        receive, views = self._underlay.receive, self._udp_views
        batch: list[Message] = []
        number = short = got = at_once = 0
        now = time.monotonic()
        asked = self._patience[None]
        for _ in range(asked):
            received = receive(views[number])
            if received is None:
                break
            got += 1
            octets, sender, size = received
            end = UDP_AT + octets
            if not size and not batch:
                delivery = self._vtep.inbound.at_once(large.views[number], end, sender, now)
                if delivery is not None:
                    self._deliver(delivery)
                    at_once += octets > SMALL_MAX
                    if at_once == len(large):
                        break
                    continue
            if octets > SMALL_MAX or asked == 1:
                batch.append(Message(large, number, end, sender, size or octets))
                number += 1
                if number == len(large):
                    break
            else:
                small.views[short][UDP_AT:end] = views[number][:octets]
                batch.append(Message(small, short, end, sender, size or octets))
                short += 1
        self._patience[None] = _patience(got, asked)
        if batch or not got:
            for delivery in self._vtep.inbound.decapsulate(batch, now):
                self._deliver(delivery)
        self.decap.count(got, now)

    # HOT PATH
    def _deliver(self, delivery: Delivery) -> None:
        error = self._write[delivery.overlay.port](delivery.parts)
        if error:
            self._vtep.inbound.write_failed(delivery, error)

    # -- one by one, while somebody looks

    def _watch_tap(self, port: AccessPort, tap: Tap) -> None:
        """Forward some frames from a TAP, each alone, and tell the witness of them."""
        large, now, got = self._pool.large, time.monotonic(), 0
        ports = self._underlay.ports
        while (tracer := self.tracer) and got < _MOST_WATCHED:
            octets = tap.read(self._tap_views[0])
            if not octets:
                break
            got += 1
            place = (large, 0, TAP_AT + octets)
            tracer(outbound(self._vtep, port, place, now, self._send, ports))
        self.encap.count(got, now)

    def _watch_underlay(self) -> None:
        """Forward some messages from the underlay, each alone, and tell the witness of them."""
        large, now, got = self._pool.large, time.monotonic(), 0
        underlay = self._underlay
        while (tracer := self.tracer) and got < _MOST_WATCHED:
            received = underlay.receive(self._udp_views[0])
            if received is None:
                break
            got += 1
            octets, sender, size = received
            message = Message(large, 0, UDP_AT + octets, sender, size or octets)
            for part in apart(message):
                tracer(inbound(self._vtep, part, now, self._deliver, underlay.source_port))
        self.decap.count(got, now)


# HOT PATH
def _patience(got: int, asked: int) -> int:
    """Return how often to ask a device next time: as often as it had something, or more.

    To ask once too often costs as much as a frame, and the one frame of an idle network should
    not wait for it.
    """
    return min(got * _GROWTH, _MOST_AT_ONCE) if got == asked else max(got, 1)


def _write_what_it_takes(tap: Tap, parts: Sequence[Buffer]) -> int:
    """Write a frame, finished first where the TAP cannot be told what is left to do.

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
