"""What is known of the frames of one inner flow on its way out."""

from typing import TypeAlias

from vtep.dataplane.counters import Drop, Flood
from vtep.dataplane.encap_queue import Route
from vtep.dataplane.overlay import Overlay
from vtep.offload.inject import Whole
from vtep.offload.segment_batch import Shape
from vtep.wire import ethernet, ip
from vtep.wire.flow import flow_number

Made: TypeAlias = Shape | Whole | list[memoryview] | Drop
"""What is made of a super-frame: cut with its like, injected as it is, cut already, or dropped."""


class Flow:
    """What is known of the frames of one inner flow; where they go is looked up once a batch.

    Attributes:
        overlay: theirs.
        at: where in the slot a frame begins, its tags taken off.
        group: why its frames go to all peers whatever the FDB says, if they do.
        headers: where those of the first one were; None for what is not IP.
        lane: which source port they leave from.
        turn: the batch for which `route` and `refused` hold.
        route: where they go now.
        refused: why they go nowhere now, or None.
        shapes: by what decides on one: end, virtio header, IP length, DF, TCP offset, and
            whether it is to be injected.
    """

    __slots__ = (
        *("at", "destination", "group", "headers", "lane", "overlay"),
        *("refused", "route", "shapes", "source", "turn"),
    )

    def __init__(self, overlay: Overlay, slot: memoryview, at: int, end: int, lanes: int) -> None:
        frame = slot[at:end]
        self.overlay = overlay
        self.at = at
        self.destination = bytes(frame[:6])
        self.group = _group(self.destination)
        self.source = bytes(frame[6:12])
        self.headers = ip.locate(frame)
        self.lane = flow_number(frame, self.headers) % lanes
        self.turn = 0
        self.route = Route(self.lane, overlay, ())
        self.refused: Drop | None = None
        self.shapes: dict[tuple[int, bytes, bytes, int, int, bool], Made] = {}


def _group(destination: bytes) -> Flood | None:
    """Return why frames to that MAC are for everybody; None if they are not."""
    if destination == ethernet.BROADCAST:
        return Flood.BROADCAST
    return Flood.MULTICAST if ethernet.is_group(destination) else None
