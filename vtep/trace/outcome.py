"""Forward one frame at a time, and return its outcome: the base of every view for people.

The frame takes the same path as all others, in a batch of its own, and every flow is classified
again for it. Its outcome is what came out, and how tables and counters changed. Nothing here
decides anything, so an outcome cannot differ from what the data plane did. Tracing a frame costs
ten times its forwarding.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from vtep.dataplane.counters import Drop, Flood
from vtep.dataplane.decap import Deliver, Delivery
from vtep.dataplane.decap_spans import Message, is_udp_gso_packet
from vtep.dataplane.encap_queue import Send
from vtep.dataplane.fdb import Fdb
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Transmit
from vtep.dataplane.worker import Worker
from vtep.wire import ethernet, virtio, vxlan
from vtep.wire.slot import FRAME_AT, TAP_AT, UDP_AT, SlotRef

Source: TypeAlias = Literal["learned", "moved", "refreshed", "refused"]
Decision: TypeAlias = Literal[
    "unicast", "broadcast", "multicast", "unknown_unicast", "local", "delivered", "dropped"
]


class Sent(NamedTuple):
    """One datagram, to or from one peer.

    Attributes:
        peer: its IP address as text.
        port: the UDP source port; 0 if it is not known.
        payload: VXLAN header and frame.
        segments: how many datagrams the kernel makes of it; more than 1 for an injected GSO frame.
    """

    peer: str
    port: int
    payload: bytes
    segments: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one frame from a TAP, or of one message from the underlay.

    Attributes:
        way: "out" to the underlay, "in" from it.
        tap, vni: of its overlay; None if none was found.
        frames: out: the frame as read from the TAP; in: the frames that were written to it.
        datagrams: out: the datagrams for the peers, in the order sent, except those that left for
            no peer; in: the received ones.
        source: what the FDB did with the source MAC; None if it was not consulted.
        source_before: where that MAC was: an IP address, "local", or None.
        decision: the forwarding decision; "dropped" if the frame went nowhere.
        peers: the IP addresses of the receivers, or of the sender.
        age: out to one peer only: seconds since the destination MAC was last heard.
        drops: what was counted as dropped, and how often; also if only a part was lost.
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
    worker: Worker,
    port: AccessPort,
    ref: SlotRef,
    now: float,
    send: Send | None = None,
    ports: Sequence[int] = (),
) -> Outcome:
    """Encapsulate one frame from the TAP of *port*.

    Args:
        worker: encapsulates it.
        port: where the frame was read.
        ref: where it is: the virtio header at slot[6:16], the frame at slot[16:end].
        now: monotonic seconds.
        send: sends each Transmit; None sends nothing.
        ports: the UDP source ports by index.
    """
    slots, number, end = ref
    slot = slots.views[number]
    header, frame = virtio.parse(slot, TAP_AT), bytes(slot[FRAME_AT:end])
    is_whole = len(frame) >= ethernet.HEADER_LEN
    overlay = port.overlay_of(ethernet.vlan_id(frame, 0)) if is_whole else None
    before = _Before(port.drops, overlay, frame, now)
    sent: list[Sent] = []
    peers: dict[str, None] = {}

    def record(transmit: Transmit) -> None:
        drops = transmit.next_hop.overlay.drops
        made, lost = list(_datagrams(transmit, ports)), drops.total()
        peers.update((peer.ip, None) for peer in transmit.next_hop.peers)
        if send is not None:
            send(transmit)
        if drops.total() - lost < sum(one.segments for one in made):  # else none left
            sent.extend(made)

    worker.vtep.invalidate()
    worker.begin_batch(now)
    worker.encap.encapsulate(port, (ref,), record)
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
    worker: Worker,
    message: Message,
    now: float,
    deliver: Deliver | None = None,
    port: int = 0,
) -> Outcome:
    """Decapsulate one message from the underlay.

    Args:
        worker: decapsulates it.
        message: where it is; all datagrams have one VNI (see `split_by_vni`).
        now: monotonic seconds.
        deliver: writes each frame to its TAP; None writes nothing.
        port: the UDP source port it came from.
    """
    slots, number, end, sender, size = message
    slot = slots.views[number]
    octets = bytes(slot[UDP_AT:end])
    if is_udp_gso_packet(slot, end, size):
        size = len(octets)
    payloads = [octets[at : at + size] for at in range(0, len(octets), size or 1)] or [b""]
    vtep = worker.vtep
    vni = vxlan.parse(octets)
    overlay = None if vni is None else vtep.overlays.get(vni)
    frame = payloads[0][vxlan.HEADER_LEN :]
    before = _Before(vtep.drops, overlay, frame, now)
    frames = []

    def record(delivery: Delivery) -> None:
        whole, lost = b"".join(delivery.parts), delivery.overlay.drops.total()
        if deliver is not None:
            deliver(delivery)
        if delivery.overlay.drops.total() == lost:
            frames.append((virtio.parse(whole), whole[virtio.HEADER_LEN :]))

    vtep.invalidate()
    worker.begin_batch(now)
    worker.decap.decapsulate((message,), record)
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


def split_by_vni(message: Message) -> Iterator[Message]:
    """Yield a message in parts of one VNI each; the kernel may have merged several.

    Each part is where the message is, and must be handled before the next is requested.
    """
    slots, number, end, sender, size = message
    slot = slots.views[number]
    if end - UDP_AT <= size or is_udp_gso_packet(slot, end, size):
        yield message
        return
    octets = bytes(slot[UDP_AT:end])
    for _, run in groupby(range(0, len(octets), size), partial(vxlan.parse, octets)):
        starts = list(run)
        part = octets[starts[0] : starts[-1] + size]
        slot[UDP_AT : UDP_AT + len(part)] = part
        yield Message(slots, number, UDP_AT + len(part), sender, min(size, len(part)))


class _Before:
    """Tables and counters before a frame, to compare with those after it."""

    def __init__(
        self, elsewhere: Counter[Drop], overlay: Overlay | None, frame: bytes, now: float
    ) -> None:
        self._places = [elsewhere] if overlay is None else [elsewhere, overlay.drops]
        self._drops = [Counter(place) for place in self._places]
        self._overlay = overlay
        self._flooded = Counter(overlay.flooded) if overlay is not None else Counter()
        self._destination, self._source = frame[:6], frame[6:12]
        self._changes = _changes(overlay.fdb) if overlay is not None else (0, 0, 0)
        entry = overlay.fdb.lookup(self._source, now) if overlay is not None else None
        self.source_before = entry.destination.name if entry is not None else None
        heard = overlay.fdb.lookup(self._destination, now) if overlay is not None else None
        self.age = now - heard if heard is not None else None

    def drops(self) -> tuple[tuple[Drop, int], ...]:
        """Return the drops since then, by reason."""
        found: Counter[Drop] = Counter()
        for place, before in zip(self._places, self._drops, strict=True):
            found += place - before
        return tuple(found.items())

    def flood(self) -> Flood | None:
        """Return why a frame was flooded since then, or None."""
        if self._overlay is None:
            return None
        return next(iter(self._overlay.flooded - self._flooded), None)

    def decision(self, is_sent: bool) -> Decision:
        """Return the decision on a frame on its way out."""
        if is_sent:
            flood = self.flood()
            return "unicast" if flood is None else flood.value
        dropped = dict(self.drops())
        return "local" if Drop.LOCAL_DESTINATION in dropped else "dropped"

    def source_now(self, now: float) -> Source | None:
        """Return what the FDB did with the source MAC since then."""
        if self._overlay is None:
            return None
        learned, moved, refused = _changes(self._overlay.fdb)
        if learned > self._changes[0]:
            return "learned"
        if moved > self._changes[1]:
            return "moved"
        if refused > self._changes[2]:
            return "refused"
        entry = self._overlay.fdb.lookup(self._source, now)
        return "refreshed" if entry is not None and entry == now else None


def _changes(fdb: Fdb) -> tuple[int, int, int]:
    return fdb.learned, fdb.moved, fdb.refused


def _datagrams(transmit: Transmit, ports: Sequence[int]) -> Iterator[Sent]:
    """Yield each datagram of a send, peer by peer."""
    next_hop, gso = transmit.next_hop, transmit.gso
    port = ports[next_hop.sport_index] if ports else 0
    octets = b"".join(transmit.parts)
    size = transmit.segment_size or len(octets)
    for peer in next_hop.peers:
        for at in range(0, len(octets), size):
            yield Sent(peer.ip, port, octets[at : at + size], gso.segments if gso else 1)
