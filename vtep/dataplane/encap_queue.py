"""What is to leave in one batch, gathered into as few sends as can be.

The system call and the kernel's way through its stack cost microseconds a send, whatever its size;
UDP_SEGMENT (udp(7)) lets one send carry many datagrams of one length.  So two kinds of them wait,
for no longer than their batch:

    a run of super-frames of one shape in neighbouring slots, to be cut together
    equal-sized datagrams for the same peers in one lane, to be sent together

A *lane* is a source port: all flows with one number take one.  Within a lane nothing overtakes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vtep.dataplane.counters import Flood
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import Peer
from vtep.offload.inject import Whole
from vtep.offload.segment_batch import Segmenter, Shape
from vtep.wire import vxlan

MAX_SEGMENTS = 64
"""Most datagrams in one send with UDP_SEGMENT that every kernel takes (linux/udp.h)."""

_MAX_SEND = 65507


class Transmit(NamedTuple):
    """Datagrams to send to each of *peers*.

    Attributes:
        overlay: whose they are.
        parts: one datagram, or with *segment_size* several in a row, each of that length but the
            last.
        peers: who gets them.
        segment_size: 0 for one datagram.
        lane: which source port they leave from.
        octets: of all datagrams.
        whole: says that the one part is a super-frame with its VXLAN header, to be injected as it
            is; else None.
    """

    overlay: Overlay
    parts: Sequence[memoryview]
    peers: Sequence[Peer]
    segment_size: int
    lane: int
    octets: int
    whole: Whole | None = None

    @property
    def datagrams(self) -> int:
        """How many there are."""
        if self.whole is not None:
            return self.whole.rows
        return -(-self.octets // self.segment_size) if self.segment_size else 1


class Route(NamedTuple):
    """Where the frames of a flow go; the same object as long as they go there.

    Attributes:
        lane: which source port they leave from.
        overlay: whose they are.
        peers: who gets them.
        injects: whether all of these have envelopes.
        flood: why they go to all peers, if they do.
    """

    lane: int
    overlay: Overlay
    peers: Sequence[Peer]
    injects: bool = False
    flood: Flood | None = None


class _Group:
    """Datagrams of one lane that wait to be sent together; the last may be shorter than *size*."""

    __slots__ = ("octets", "parts", "route", "size")

    def __init__(self, part: memoryview, route: Route) -> None:
        self.parts = [part]
        self.octets = self.size = len(part)
        self.route = route


class Outbox:
    """What waits in one batch.

    Args:
        segmenter: where super-frames are cut.
        max_segments: the most datagrams of one Transmit.
    """

    def __init__(self, segmenter: Segmenter, max_segments: int) -> None:
        self.max_segments = max_segments
        self._segmenter = segmenter
        self._groups: dict[int, _Group] = {}
        self._run: list[Route] = []
        self._next = 0
        self._shape: Shape | None = None

    # HOT PATH
    def goes_on(self, slot: int, shape: Shape, route: Route) -> bool:
        """Take the super-frame in large slot *slot* if it may simply be cut with those before."""
        run = self._run
        if shape is not self._shape or slot != self._next or route.lane in self._groups:
            return False
        run.append(route)
        self._next = slot + 1
        return True

    # HOT PATH
    def super_frame(self, slot: int, shape: Shape, route: Route) -> Iterator[Transmit]:
        """Take the super-frame in large slot *slot*; yield what must leave before it."""
        if route.lane in self._groups:
            yield self._flush(route.lane)
        if not self.goes_on(slot, shape, route):
            yield from self._cut()
            self._run.append(route)
            self._next, self._shape = slot + 1, shape

    # HOT PATH
    def uncut(self, part: memoryview, whole: Whole, route: Route) -> Iterator[Transmit]:
        """Yield a super-frame, its VXLAN header in front, as to be injected; first what waits."""
        yield from self._cut()
        if route.lane in self._groups:
            yield self._flush(route.lane)
        lane, overlay, peers, _, _ = route
        count_sent(route, whole.rows, whole.octets)
        yield Transmit(overlay, (part,), peers, 0, lane, whole.octets, whole)

    # HOT PATH
    def datagram(self, part: memoryview, route: Route) -> Iterator[Transmit]:
        """Take one datagram; yield what must leave before it."""
        lane = route.lane
        if self._run and any(lane == one.lane for one in self._run):
            yield from self._cut()
        group = self._groups.get(lane)
        if group is not None:
            octets = group.octets + len(part)
            if (
                (route is group.route or route == group.route)
                and len(part) <= group.size
                and len(group.parts) < self.max_segments
                and octets <= _MAX_SEND
            ):
                group.parts.append(part)
                group.octets = octets
                if len(part) < group.size:
                    yield self._flush(lane)
                return
            yield self._flush(lane)
        self._groups[lane] = _Group(part, route)

    # HOT PATH
    def alone(self, part: memoryview, route: Route) -> Transmit:
        """Return the only datagram of a batch, of an idle network that is: it waits for nobody."""
        lane, overlay, peers, _, _ = route
        count_sent(route, 1, len(part))
        return Transmit(overlay, (part,), peers, 0, lane, len(part))

    # HOT PATH
    def rest(self) -> Iterator[Transmit]:
        """Yield all that still waits; nothing does afterwards."""
        yield from self._cut()
        for lane in list(self._groups):
            yield self._flush(lane)

    def _flush(self, lane: int) -> Transmit:
        """Take the group of a lane out."""
        group = self._groups.pop(lane)
        _, overlay, peers, _, _ = group.route
        parts = group.parts
        count_sent(group.route, len(parts), group.octets)
        size = group.size if len(parts) > 1 else 0
        return Transmit(overlay, parts, peers, size, lane, group.octets)

    def _cut(self) -> Iterator[Transmit]:
        """Cut the run that waits; yield its datagrams, neighbours of one flow together."""
        run, shape = self._run, self._shape
        if not run or shape is None:
            return
        self._segmenter.cut(self._next - len(run), len(run), shape)
        start = 0
        while start < len(run):
            route = run[start]
            end = start + 1
            while shape.is_even and end < len(run) and run[end] is route:
                end += 1
            count = end - start
            lane, overlay, peers, _, _ = route
            count_sent(route, shape.rows * count, shape.octets * count)
            for octets in self._segmenter.datagrams(shape, start, count, self.max_segments):
                yield Transmit(overlay, (octets,), peers, shape.row_len, lane, len(octets))
            start = end
        run.clear()
        self._shape = None


# HOT PATH
def count_sent(route: Route, datagrams: int, octets: int) -> None:
    """Add datagrams, *octets* long with VXLAN headers, to what was sent to each peer of a route."""
    _, overlay, peers, _, flood = route
    octets -= vxlan.HEADER_LEN * datagrams
    if flood is not None:
        overlay.flooded[flood] += datagrams
    for peer in peers:
        for traffic in (overlay.traffic, peer.traffic):
            traffic.tx_frames += datagrams
            traffic.tx_bytes += octets
