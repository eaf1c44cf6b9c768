"""Follow one frame from container to container, station by station.

The Vteps do the work, through vtep.trace.outcome. The stations report the outcomes and the tables
before and after.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from vtep.dataplane.fdb import Fdb
from vtep.dissect import Header, dissect
from vtep.trace.outcome import Outcome, Sent
from vtep.trace.sentence import decision
from vtep.walk import sentences
from vtep.walk.header_diff import PieceSpan, SplitFrame, compare, outer_spans, piece, unsigned
from vtep.walk.model import Piece, Station, TableChange, TableEntry, Walk
from vtep.walk.virtual_lab import Damage, VirtualHost, VirtualLab, fdb_entries
from vtep.wire import ethernet, vxlan


class PlannedFrame(NamedTuple):
    """A frame that a container sends.

    Attributes:
        key, title: key and title of its walk.
        time: seconds since the first walk.
        host: number of the host whose container sends it, 0 or 1.
        frame: octets of the frame.
        says: why the container sends it.
        is_short: see Walk.
        after: reaction of the receiver.
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
    """Damage to VXLAN header and frame, or to the whole packet that is followed."""

    datagram: Damage | None = None
    packet: Damage | None = None


def follow(lab: VirtualLab, number: int, planned: PlannedFrame, fault: Fault) -> Walk:
    """Send one frame through the lab, and return its walk."""
    return _Follower(lab, number, planned, fault).walk()


class _Follower:
    """Collects the stations of one frame."""

    def __init__(self, lab: VirtualLab, number: int, planned: PlannedFrame, fault: Fault) -> None:
        self._lab = lab
        self._number = number
        self._planned = planned
        self._fault = fault
        self._now = planned.time
        self._source = lab.hosts[planned.host]
        self._target = lab.hosts[1 - planned.host]
        self._stations: list[Station] = []
        self._others: list[str] = []
        self._headers: Sequence[Header] = ()
        self._size = 0

    def walk(self) -> Walk:
        planned = self._planned
        arrived = self._out(planned.frame)
        return Walk(
            key=planned.key,
            title=planned.title,
            time=planned.time,
            stations=tuple(self._stations),
            others=tuple(self._others),
            arrived=arrived,
            is_short=planned.is_short,
            headers=tuple(self._headers),
        )

    def _stop(
        self, host: str, place: str, pieces: Sequence[Piece], decided: str, **more: Any
    ) -> None:
        """Add a station."""
        size = sum(one.size for one in pieces if one.sign != "-")
        number = f"{self._number}.{len(self._stations) + 1}"
        change, self._size = size - self._size, size
        station = Station(number, host, place, tuple(pieces), size, change, decided, **more)
        self._stations.append(station)

    # -- from the container to the underlay

    def _out(self, frame: bytes) -> bool:
        """Send the frame from its container through its host; return whether it arrives."""
        host = self._source
        name = host.container.name if host.container else host.name
        self._stop(
            name,
            "eth0",
            SplitFrame(frame).pieces("+"),
            f"sends {len(frame)} bytes",
            why=self._planned.says,
            source=sentences.SOURCES.get(self._planned.key, ""),
        )
        frame = self._bridge_out(frame)
        before = fdb_entries(host.overlay.fdb, self._now)
        clamped = host.overlay.clamped
        outcome = self._lab.send(host, frame, self._now)
        is_clamped = host.overlay.clamped > clamped
        inner = outcome.datagrams[0].payload[vxlan.HEADER_LEN :] if outcome.datagrams else frame
        self._stop(
            host.name,
            "vtep",
            compare(frame, inner),
            decision(outcome),
            why=sentences.why_out(outcome, host.overlay, frame, inner, is_clamped=is_clamped),
            tables=self._overlay_changes(host, before),
            drop=None if outcome.datagrams else _first_reason(outcome),
            source=sentences.out_source(outcome),
        )
        return self._underlay(outcome, inner) if outcome.datagrams else False

    def _bridge_out(self, frame: bytes) -> bytes:
        """Send the frame through the bridge to vx0, and return it as it leaves."""
        host, bridge = self._source, self._source.bridge
        before = fdb_entries(bridge.fdb, self._now)
        known = bridge.take(frame, bridge.container, self._now)
        leaving = bridge.tagged(frame)
        decided, why = sentences.bridge(
            frame, known, bridge.container, bridge.tap, self._lab.options
        )
        if leaving != frame:
            decided += f", with tag {bridge.vlan}"
            why += sentences.TAG_ON.format(vlan=bridge.vlan, port=bridge.container.name)
        tables = self._bridge_changes(host, before)
        self._stop(host.name, "br0", compare(frame, leaving), decided, why=why, tables=tables)
        return leaving

    def _underlay(self, outcome: Outcome, inner: bytes) -> bool:
        """Add the outer headers, and carry every copy to its host."""
        host = self._source
        if self._fault.datagram is not None:
            outcome = self._damaged(outcome, self._fault.datagram)
        copies = outcome.datagrams
        followed = next((one for one in copies if one.peer == self._target.ip), copies[0])
        packet = self._lab.datagram(host, followed)
        spans = outer_spans(self._lab.options.ipv6)
        self._headers = dissect(packet, ports=(vxlan.PORT, host.dstport))
        pieces = unsigned(SplitFrame(inner).pieces(""))
        described = sentences.outer_headers(self._lab.options, host, followed)
        for span, (decided, why, source) in zip(reversed(spans), described, strict=True):
            put_on = piece(span, "+", packet, self._headers)
            place = host.device if span.key == "outer_ethernet" else span.key.split("_")[-1]
            self._stop(host.name, place, (put_on, *pieces), decided, why=why, source=source)
            pieces = (*unsigned((put_on,)), *pieces)
        if self._fault.packet is not None:
            packet = self._lab.datagram(host, followed, self._fault.packet)
            damaged = packet[-len(inner) :]
            pieces = (*pieces[: len(spans)], *compare(inner, damaged))
            inner = damaged
        octets = len(packet) - ethernet.HEADER_LEN
        decided, why = sentences.hop(self._lab, host, outcome, octets)
        self._stop("underlay", "wire", pieces, decided, why=why)
        arrived = self._in(followed, packet, spans, inner)
        for copy in copies:
            if copy is not followed:
                self._others.append(self._elsewhere(copy))
        return arrived

    def _damaged(self, outcome: Outcome, damage: Damage) -> Outcome:
        """Return the outcome with every datagram damaged."""
        damaged = []
        for one in outcome.datagrams:
            payload = bytearray(one.payload)
            damage(payload)
            damaged.append(one._replace(payload=bytes(payload)))
        return dataclasses.replace(outcome, datagrams=tuple(damaged))

    def _elsewhere(self, copy: Sent) -> str:
        """Carry a copy to a host that is not followed; return a sentence about it."""
        host = self._lab.by_ip[copy.peer]
        packet = self._lab.datagram(self._source, copy)
        if sentences.kernel_refuses(host, self._source, packet) is not None:
            return f"{host.name} ({host.ip}) gets its copy, and its kernel drops it, too."
        outcome = self._lab.receive(host, self._source, copy, self._now)
        return sentences.elsewhere(host, outcome)

    # -- from the underlay to the container

    def _in(self, sent: Sent, packet: bytes, spans: Sequence[PieceSpan], inner: bytes) -> bool:
        """Receive the packet on the other host; return whether its frame arrives."""
        host = self._lab.by_ip[sent.peer]
        outer = [piece(span, "-", packet, self._headers) for span in spans]
        kept = [piece(span, "", packet, ()) for span in spans]
        left = (kept[-1], *SplitFrame(inner).pieces(""))
        refused = sentences.kernel_refuses(host, self._source, packet)
        if refused is not None:
            drop, decided, why = refused
            pieces = (*kept[:-1], *left)
            source = "RFC 1122 section 4.1.3"
            self._stop(host.name, host.device, pieces, decided, why=why, drop=drop, source=source)
            return False
        decided, why = sentences.kernel_takes(host)
        pieces, source = (*outer[:-1], *left), "RFC 7348 section 5"
        self._stop(host.name, host.device, pieces, decided, why=why, source=source)
        before = fdb_entries(host.overlay.fdb, self._now)
        outcome = self._lab.receive(host, self._source, sent, self._now)
        frame = outcome.frames[0][1] if outcome.frames else None
        self._stop(
            host.name,
            "vtep",
            left if frame is None else (outer[-1], *compare(inner, frame)),
            decision(outcome),
            why=sentences.why_in(outcome, host, sent),
            tables=self._overlay_changes(host, before),
            drop=_first_reason(outcome) if frame is None else None,
            source=sentences.drop_source(outcome) if frame is None else "RFC 7348 section 4.1",
        )
        return frame is not None and self._bridge_in(host, frame)

    def _bridge_in(self, host: VirtualHost, frame: bytes) -> bool:
        """Send the frame from vx0 through the bridge to the container."""
        bridge = host.bridge
        before = fdb_entries(bridge.fdb, self._now)
        known = bridge.take(frame, bridge.tap, self._now)
        leaving = bridge.untagged(frame)
        decided, why = sentences.bridge(
            frame, known, bridge.tap, bridge.container, self._lab.options
        )
        if leaving != frame:
            decided += ", without the tag"
        tables = self._bridge_changes(host, before)
        self._stop(host.name, "br0", compare(frame, leaving), decided, why=why, tables=tables)
        name = host.container.name if host.container else host.name
        planned = self._planned
        decided, why = sentences.arrival(planned.frame, leaving, host.container, planned.after)
        self._stop(name, "eth0", compare(planned.frame, leaving), decided, why=why)
        return True

    # -- tables

    def _overlay_changes(
        self, host: VirtualHost, before: tuple[TableEntry, ...]
    ) -> tuple[TableChange, ...]:
        fdb = host.overlay.fdb
        return self._changes(f"FDB of VNI {host.overlay.vni} on {host.name}", fdb, before)

    def _bridge_changes(
        self, host: VirtualHost, before: tuple[TableEntry, ...]
    ) -> tuple[TableChange, ...]:
        return self._changes(f"FDB of br0 on {host.name}", host.bridge.fdb, before)

    def _changes(
        self, name: str, fdb: Fdb, before: tuple[TableEntry, ...]
    ) -> tuple[TableChange, ...]:
        """Return the change of a table since *before*, or nothing."""
        after = fdb_entries(fdb, self._now)
        return () if before == after else (TableChange(name, before, after),)


def _first_reason(outcome: Outcome) -> str:
    return next((str(reason) for reason, _ in outcome.drops), "dropped")
