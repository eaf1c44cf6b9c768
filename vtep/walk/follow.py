"""One frame followed from container to container, station by station.

What happens is done by the Vteps (vtep.observe), and what is told is taken from that and from their
tables before and after.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from vtep.dissect import Header, dissect
from vtep.trace.outcome import Outcome, Sent
from vtep.walk import sentences as words
from vtep.walk.header_diff import Cut, Span, compare, outer_spans, piece, unsigned
from vtep.walk.model import Entry, Piece, Station, Table, Walk
from vtep.walk.virtual_lab import Damage, Host, Lan, entries
from vtep.wire import ethernet, vxlan


class Step(NamedTuple):
    """A frame that a container sends.

    Attributes:
        key, title: of its walk.
        time: in seconds.
        host: the number of the host whose container sends it, 0 or 1.
        frame: what is sent.
        says: why it is sent.
        is_short: see Walk.
        after: what the receiver makes of it.
    """

    key: str
    title: str
    time: float
    host: int
    frame: bytes
    says: str
    is_short: bool = False
    after: str = ""


class Fault(NamedTuple):
    """What is done to a datagram on its way: to VXLAN header and frame, and to the whole packet."""

    datagram: Damage | None = None
    packet: Damage | None = None


def follow(lan: Lan, number: int, step: Step, fault: Fault) -> Walk:
    """Send one frame, and return all that became of it."""
    return _Way(lan, number, step, fault).walk()


class _Way:
    """The stations that a frame has passed so far."""

    def __init__(self, lan: Lan, number: int, step: Step, fault: Fault) -> None:
        self._lan = lan
        self._number = number
        self._step = step
        self._fault = fault
        self._now = step.time
        self._source = lan.hosts[step.host]
        self._target = lan.hosts[1 - step.host]
        self._stations: list[Station] = []
        self._others: list[str] = []
        self._headers: Sequence[Header] = ()
        self._size = 0

    def walk(self) -> Walk:
        step = self._step
        arrived = self._out(step.frame)
        return Walk(
            key=step.key,
            title=step.title,
            time=step.time,
            stations=tuple(self._stations),
            others=tuple(self._others),
            arrived=arrived,
            is_short=step.is_short,
            headers=tuple(self._headers),
        )

    def _stop(
        self, host: str, place: str, pieces: Sequence[Piece], decision: str, **more: Any
    ) -> None:
        """Add a station."""
        size = sum(one.size for one in pieces if one.sign != "-")
        number = f"{self._number}.{len(self._stations) + 1}"
        change, self._size = size - self._size, size
        station = Station(number, host, place, tuple(pieces), size, change, decision, **more)
        self._stations.append(station)

    # -- from the container to the underlay

    def _out(self, frame: bytes) -> bool:
        """Take the frame out of its container and through its host; tell whether it arrives."""
        host = self._source
        name = host.container.name if host.container else host.name
        self._stop(
            name,
            "eth0",
            Cut(frame).pieces("+"),
            f"sends {len(frame)} octets",
            why=self._step.says,
            source=words.SOURCES.get(self._step.key, ""),
        )
        frame = self._bridge_out(frame)
        before = entries(host.overlay.fdb, self._now)
        clamped = host.overlay.clamped
        outcome = self._lan.send(host, frame, self._now)
        is_clamped = host.overlay.clamped > clamped
        table = self._table(host, before)
        inner = outcome.datagrams[0].payload[vxlan.HEADER_LEN :] if outcome.datagrams else frame
        drop = None if outcome.datagrams else next((str(why) for why, _ in outcome.drops), None)
        self._stop(
            host.name,
            "vtep",
            compare(frame, inner),
            words.out(outcome),
            why=words.why_out(outcome, host.overlay, frame, inner, is_clamped=is_clamped),
            tables=table,
            drop=drop,
            source=words.out_source(outcome),
        )
        if not outcome.datagrams:
            return False
        return self._underlay(outcome, inner)

    def _bridge_out(self, frame: bytes) -> bytes:
        """Take the frame through the bridge, to vx0."""
        host, bridge = self._source, self._source.bridge
        before = entries(bridge.fdb, self._now)
        known = bridge.take(frame, bridge.container, self._now)
        leaving = bridge.tagged(frame)
        decision, why = words.bridge(frame, known, bridge.container, bridge.tap, self._lan.options)
        if leaving != frame:
            decision += f", with tag {bridge.vlan}"
            why += words.TAG_ON.format(vlan=bridge.vlan, port=bridge.container.ip)
        self._stop_at_bridge(host, before, frame, leaving, decision, why)
        return leaving

    def _underlay(self, outcome: Outcome, inner: bytes) -> bool:
        """Put the outer headers on, and carry every copy to its host."""
        host = self._source
        if self._fault.datagram is not None:
            outcome = self._spoilt(outcome, self._fault.datagram)
        copies = outcome.datagrams
        followed = next((one for one in copies if one.peer == self._target.ip), copies[0])
        packet = self._lan.datagram(host, followed)
        spans = outer_spans(self._lan.options.ipv6)
        self._headers = dissect(packet, ports=(vxlan.PORT, host.dstport))
        pieces = unsigned(Cut(inner).pieces(""))
        for span, (decision, why, source) in zip(
            reversed(spans), words.headers(self._lan.options, host, outcome, followed), strict=True
        ):
            put_on = piece(span, "+", packet, self._headers)
            place = host.device if span.key == "outer_ethernet" else span.key.split("_")[-1]
            self._stop(host.name, place, (put_on, *pieces), decision, why=why, source=source)
            pieces = (*unsigned((put_on,)), *pieces)
        if self._fault.packet is not None:
            packet = self._lan.datagram(host, followed, self._fault.packet)
            damaged = packet[-len(inner) :]
            pieces = (*pieces[: len(spans)], *compare(inner, damaged))
            inner = damaged
        octets = len(packet) - ethernet.HEADER_LEN
        decision, why = words.hop(self._lan, host, outcome, octets)
        self._stop("underlay", "wire", pieces, decision, why=why)
        arrived = self._in(followed, packet, spans, inner)
        for copy in copies:
            if copy is not followed:
                self._others.append(self._elsewhere(copy))
        return arrived

    def _spoilt(self, outcome: Outcome, damage: Damage) -> Outcome:
        """Return the outcome with damaged datagrams."""
        spoilt = []
        for one in outcome.datagrams:
            payload = bytearray(one.payload)
            damage(payload)
            spoilt.append(one._replace(payload=bytes(payload)))
        return dataclasses.replace(outcome, datagrams=tuple(spoilt))

    def _elsewhere(self, copy: Sent) -> str:
        """Carry a copy to a host that is not followed; return what became of it."""
        host = self._lan.by_ip[copy.peer]
        packet = self._lan.datagram(self._source, copy, self._fault.packet)
        if words.kernel_refuses(host, self._source, packet) is not None:
            return f"{host.name} {host.ip} got its copy, and its kernel dropped it, too."
        outcome = self._lan.receive(host, self._source, copy, self._now)
        return words.elsewhere(host, outcome)

    # -- from the underlay to the container

    def _in(self, sent: Sent, packet: bytes, spans: Sequence[Span], inner: bytes) -> bool:
        """Take the packet through the other host; tell whether its frame arrives."""
        host = self._lan.by_ip[sent.peer]
        outer = [piece(span, "-", packet, self._headers) for span in spans]
        kept = [piece(span, "", packet, ()) for span in spans]
        left = (kept[-1], *Cut(inner).pieces(""))
        refused = words.kernel_refuses(host, self._source, packet)
        if refused is not None:
            drop, decision, why = refused
            pieces = (*kept[:-1], *left)
            self._stop(
                host.name,
                host.device,
                pieces,
                decision,
                why=why,
                drop=drop,
                source="RFC 1122 section 4.1.3",
            )
            return False
        decision, why = words.kernel_takes(host, sent)
        self._stop(
            host.name,
            host.device,
            (*outer[:-1], *left),
            decision,
            why=why,
            source="RFC 7348 section 5",
        )
        before = entries(host.overlay.fdb, self._now)
        outcome = self._lan.receive(host, self._source, sent, self._now)
        table = self._table(host, before)
        why = words.why_in(outcome, host, sent)
        if not outcome.frames:
            drop = next((str(reason) for reason, _ in outcome.drops), "dropped")
            self._stop(
                host.name,
                "vtep",
                left,
                words.dropped(outcome),
                why=why,
                tables=table,
                drop=drop,
                source=words.in_source(outcome),
            )
            return False
        _, frame = outcome.frames[0]
        pieces = (outer[-1], *compare(inner, frame))
        self._stop(
            host.name,
            "vtep",
            pieces,
            words.taken(outcome, host),
            why=why,
            tables=table,
            source="RFC 7348 section 4.1",
        )
        return self._bridge_in(host, frame)

    def _bridge_in(self, host: Host, frame: bytes) -> bool:
        """Take the frame from vx0 through the bridge to the container."""
        bridge = host.bridge
        before = entries(bridge.fdb, self._now)
        known = bridge.take(frame, bridge.tap, self._now)
        leaving = bridge.untagged(frame)
        decision, why = words.bridge(frame, known, bridge.tap, bridge.container, self._lan.options)
        if leaving != frame:
            decision += ", without the tag"
        self._stop_at_bridge(host, before, frame, leaving, decision, why)
        name = host.container.name if host.container else host.name
        decision, why = words.arrival(self._step.frame, leaving, host.container, self._step.after)
        pieces = compare(self._step.frame, leaving)
        self._stop(name, "eth0", pieces, decision, why=why)
        return True

    # -- tables

    def _table(self, host: Host, before: tuple[Entry, ...]) -> tuple[Table, ...]:
        name = f"FDB of VNI {host.overlay.vni} on {host.name}"
        return _changed(name, before, entries(host.overlay.fdb, self._now))

    def _stop_at_bridge(
        self,
        host: Host,
        before: tuple[Entry, ...],
        frame: bytes,
        leaving: bytes,
        decision: str,
        why: str,
    ) -> None:
        """Tell of br0, whose FDB was as *before*: it took *frame* and lets *leaving* out."""
        after = entries(host.bridge.fdb, self._now)
        tables = _changed(f"FDB of br0 on {host.name}", before, after)
        self._stop(host.name, "br0", compare(frame, leaving), decision, why=why, tables=tables)


def _changed(name: str, before: tuple[Entry, ...], after: tuple[Entry, ...]) -> tuple[Table, ...]:
    return () if before == after else (Table(name, before, after),)
