"""One frame at a time through a Vtep, and what became of it: for people who want to see.

The frame takes the same way as all others, in a batch of its own.  What is told is what that did:
what came out, and how tables and counters changed.  Nothing here decides, so nothing here can say
something else than what happened.  It costs ten times the forwarding: only while somebody looks.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from vtep.dataplane.counters import Drop, Flood
from vtep.dataplane.decap import Delivery
from vtep.dataplane.decap_spans import Message, is_one_packet
from vtep.dataplane.encap_queue import Transmit
from vtep.dataplane.fdb import Fdb
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.wire import ethernet, virtio, vxlan
from vtep.wire.slot import FRAME_AT, TAP_AT, UDP_AT, Place

Source: TypeAlias = Literal["learned", "moved", "refreshed", "refused"]
Decision: TypeAlias = Literal[
    "unicast", "broadcast", "multicast", "unknown_unicast", "local", "delivered", "dropped"
]


class Sent(NamedTuple):
    """One datagram, to or from one peer.

    Attributes:
        peer: its IP address as text.
        port: the UDP source port; 0 where it is not known.
        payload: VXLAN header and frame.
        rows: how many datagrams the kernel makes of it; more than 1 where it is injected.
    """

    peer: str
    port: int
    payload: bytes
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one frame read from a TAP, or of one message from the underlay.

    Attributes:
        way: "out" to the underlay, "in" from it.
        tap, vni: of its overlay; None where none was found.
        frames: out: the one, as read from the TAP; in: those that were written to it.
        datagrams: out: those for the peers, in the order sent, without what left for nobody; in:
            those that came.
        source: what the FDB did with the source MAC; None if it was not asked.
        source_before: where that MAC was: an IP address, "local", or None for nowhere.
        decision: what was decided.  "dropped": it went nowhere.
        peers: who was to get it, or sent it.
        age: for how many seconds the destination MAC had not been heard, out to one peer only.
        drops: what was counted, each with how many; also where only some of it was lost.
    """

    way: Literal["out", "in"]
    tap: str | None
    vni: int | None
    frames: tuple[tuple[virtio.VirtioHeader, bytes], ...]
    datagrams: tuple[Sent, ...]
    source: Source | None
    source_before: str | None
    decision: Decision
    peers: tuple[str, ...]
    age: float | None
    drops: tuple[tuple[Drop, int], ...]


def outbound(
    vtep: Vtep,
    port: AccessPort,
    place: Place,
    now: float,
    send: Callable[[Iterable[Transmit]], None] | None = None,
    ports: Sequence[int] = (),
) -> Outcome:
    """Encapsulate one frame read from the TAP of *port*.

    Args:
        vtep: whose TAP it is.
        port: where the frame was read.
        place: where it lies: the virtio header at slot[6:16], the frame at slot[16:end].
        now: monotonic seconds.
        send: takes what is to be sent, all of it; None for nowhere.
        ports: the UDP source port of each lane.
    """
    slots, number, end = place
    slot = slots.views[number]
    header, frame = virtio.parse(slot, TAP_AT), bytes(slot[FRAME_AT:end])
    is_whole = len(frame) >= ethernet.HEADER_LEN
    overlay = port.overlay_of(ethernet.vlan_id(frame, 0)) if is_whole else None
    before = _Before(port.drops, overlay, frame, now)
    sent: list[Sent] = []
    peers: dict[str, None] = {}

    def noted() -> Iterator[Transmit]:
        for transmit in vtep.outbound.encapsulate(port, [place], now):
            made, lost = list(_datagrams(transmit, ports)), transmit.overlay.drops.total()
            peers.update((peer.ip, None) for peer in transmit.peers)
            yield transmit
            lost = transmit.overlay.drops.total() - lost
            if lost < sum(one.rows for one in made):  # else it left for nobody
                sent.extend(made)

    if send is not None:
        send(noted())
    else:
        for _ in noted():
            pass
    return Outcome(
        way="out",
        tap=port.name,
        vni=None if overlay is None else overlay.vni,
        frames=((header, frame),),
        datagrams=tuple(sent),
        source=before.source_now(now),
        source_before=before.source_before,
        decision=before.decision(bool(sent)),
        peers=tuple(peers),
        age=before.age if sent and not before.flood() else None,
        drops=before.drops(),
    )


def inbound(
    vtep: Vtep,
    message: Message,
    now: float,
    deliver: Callable[[Delivery], None] | None = None,
    port: int = 0,
) -> Outcome:
    """Decapsulate one message from the underlay.

    Args:
        vtep: who received it.
        message: where it lies; all of one VNI (see `apart`).
        now: monotonic seconds.
        deliver: takes each frame for a TAP; None for nowhere.
        port: the UDP source port it came from.
    """
    slots, number, end, sender, size = message
    slot = slots.views[number]
    octets = bytes(slot[UDP_AT:end])
    if is_one_packet(slot, end, size):
        size = len(octets)
    payloads = [octets[at : at + size] for at in range(0, len(octets), size or 1)] or [b""]
    vni = vxlan.parse(octets)
    overlay = None if vni is None else vtep.overlays.get(vni)
    frame = payloads[0][vxlan.HEADER_LEN :]
    before = _Before(vtep.inbound.drops, overlay, frame, now)
    frames = []
    for delivery in vtep.inbound.decapsulate([message], now):
        whole, lost = b"".join(delivery.parts), delivery.overlay.drops.total()
        if deliver is not None:
            deliver(delivery)
        if delivery.overlay.drops.total() == lost:
            frames.append((virtio.parse(whole), whole[virtio.HEADER_LEN :]))
    return Outcome(
        way="in",
        tap=None if overlay is None else overlay.port.name,
        vni=None if overlay is None else overlay.vni,
        frames=tuple(frames),
        datagrams=tuple(Sent(sender, port, payload) for payload in payloads),
        source=before.source_now(now),
        source_before=before.source_before,
        decision="delivered" if frames else "dropped",
        peers=(sender,),
        age=None,
        drops=before.drops(),
    )


def apart(message: Message) -> Iterator[Message]:
    """Yield a message in parts of one VNI each; the kernel may have merged several.

    Each lies where the message does, and is to be done with before the next is asked for.
    """
    slots, number, end, sender, size = message
    slot = slots.views[number]
    if end - UDP_AT <= size or is_one_packet(slot, end, size):
        yield message
        return
    octets = bytes(slot[UDP_AT:end])
    for _, run in groupby(range(0, len(octets), size), partial(vxlan.parse, octets)):
        starts = list(run)
        part = octets[starts[0] : starts[-1] + size]
        slot[UDP_AT : UDP_AT + len(part)] = part
        yield Message(slots, number, UDP_AT + len(part), sender, min(size, len(part)))


class _Before:
    """How tables and counters stood before a frame, to be compared with how they stand now."""

    def __init__(
        self, elsewhere: Counter[Drop], overlay: Overlay | None, frame: bytes, now: float
    ) -> None:
        self._places = [elsewhere] if overlay is None else [elsewhere, overlay.drops]
        self._drops = [Counter(place) for place in self._places]
        self._overlay = overlay
        self._flooded = Counter(overlay.flooded) if overlay is not None else Counter()
        self._destination, self._source = frame[:6], frame[6:12]
        self._changes = _changes(overlay.fdb) if overlay is not None else (0, 0, 0)
        entry = overlay.fdb.entry(self._source, now) if overlay is not None else None
        self.source_before = entry[0].ip if entry else None
        heard = overlay.fdb.entry(self._destination, now) if overlay is not None else None
        self.age = heard[1] if heard else None

    def drops(self) -> tuple[tuple[Drop, int], ...]:
        """Return what was dropped since, and how many of each."""
        found: Counter[Drop] = Counter()
        for place, before in zip(self._places, self._drops, strict=True):
            found += place - before
        return tuple(found.items())

    def flood(self) -> Flood | None:
        """Return why a frame was flooded since, if one was."""
        if self._overlay is None:
            return None
        return next(iter(self._overlay.flooded - self._flooded), None)

    def decision(self, is_sent: bool) -> Decision:
        """Return what was decided on a frame on its way out."""
        if is_sent:
            flood = self.flood()
            return "unicast" if flood is None else flood.value
        dropped = dict(self.drops())
        return "local" if Drop.LOCAL_DESTINATION in dropped else "dropped"

    def source_now(self, now: float) -> Source | None:
        """Return what the FDB did with the source MAC since."""
        if self._overlay is None:
            return None
        learned, moved, refused = _changes(self._overlay.fdb)
        if learned > self._changes[0]:
            return "learned"
        if moved > self._changes[1]:
            return "moved"
        if refused > self._changes[2]:
            return "refused"
        entry = self._overlay.fdb.entry(self._source, now)
        return "refreshed" if entry is not None and entry[1] == 0 else None


def _changes(fdb: Fdb) -> tuple[int, int, int]:
    return fdb.learned, fdb.moved, fdb.refused


def _datagrams(transmit: Transmit, ports: Sequence[int]) -> Iterator[Sent]:
    """Yield each datagram of a send, peer by peer."""
    port = ports[transmit.lane] if ports else 0
    octets = b"".join(transmit.parts)
    size = transmit.segment_size or len(octets)
    whole = transmit.whole
    for peer in transmit.peers:
        for at in range(0, len(octets), size):
            yield Sent(peer.ip, port, octets[at : at + size], whole.rows if whole else 1)
