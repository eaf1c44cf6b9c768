"""The counters for Prometheus, made anew for each scrape.

A sum over any label makes sense: drops that belong to no overlay stand under vni="", and what came
from or went to peers beyond those of the flood list under peer="other".  No label has as many
values as the network likes.
"""

import platform
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vtep import __version__, report
from vtep.control.subject import Subject
from vtep.counters import Drop, Flood
from vtep.overlay import Overlay

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OF_UNDERLAY = (Drop.RECEIVE_FULL, Drop.SHORT, Drop.BAD_FLAGS, Drop.UNKNOWN_VNI)
_OF_TAP = (Drop.TAP_OVERRUN, Drop.UNKNOWN_VLAN, Drop.RUNT)
_OF_OVERLAY = (
    *(Drop.UNKNOWN_PEER, Drop.INNER_VLAN, Drop.INVALID_SOURCE, Drop.SELF_SOURCE, Drop.OVERSIZE),
    *(Drop.LOCAL_DESTINATION, Drop.SOCKET_FULL, Drop.UNDERLAY_MTU, Drop.NO_ROUTE, Drop.TAP_FULL),
)
"""What is told while it is 0 too, so that the first of it is seen as an increase."""


class Counters(Collector):
    """All counters of the running daemon, as they are when it is asked."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def describe(self) -> Iterable[Metric]:
        """Return nothing: there is one collector, so no two have a name."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        overlays = list(self._subject.vtep.overlays.values())
        yield from _traffic(overlays)
        yield self._drops(overlays)
        yield _flooded(overlays)
        yield from _fdb(overlays)
        yield from _peers(overlays)
        yield from self._batches()
        info = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("vtep_build", "What runs.", value=info)

    def _drops(self, overlays: Iterable[Overlay]) -> Metric:
        family = CounterMetricFamily(
            "vtep_drops",
            "Frames and datagrams not forwarded; vni is empty for those of no overlay, tap too for"
            " those not of a TAP.",
            labels=["vni", "tap", "reason"],
        )
        vtep = self._subject.vtep
        for vni, tap, counted, told in (
            ("", "", vtep.inbound.drops, _OF_UNDERLAY),
            *(("", port.name, port.drops, _OF_TAP) for port in report.ports(vtep)),
            *((str(one.vni), one.port.name, one.drops, _OF_OVERLAY) for one in overlays),
        ):
            for reason in sorted({*told, *counted}):
                family.add_metric([vni, tap, reason], counted[reason])
        return family

    def _batches(self) -> Iterator[Metric]:
        sizes = HistogramMetricFamily(
            "vtep_batch_frames", "Frames or messages read in one batch.", labels=["direction"]
        )
        busy = CounterMetricFamily(
            "vtep_poll_seconds", "Time spent on batches.", labels=["direction"]
        )
        forwarder = self._subject.forwarder
        for direction, batches in (("encap", forwarder.encap), ("decap", forwarder.decap)):
            buckets, below = [], 0
            for bits, count in enumerate(batches.sizes):
                below += count
                buckets.append((f"{(1 << bits) - 1}.0", below))
            buckets.append(("+Inf", below))
            sizes.add_metric([direction], buckets, batches.frames)
            busy.add_metric([direction], batches.busy)
        yield sizes
        yield busy


def _traffic(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    labels = ["vni", "direction"]
    frames = CounterMetricFamily("vtep_frames", "Frames to (encap) and from peers.", labels=labels)
    octets = CounterMetricFamily(
        "vtep_bytes", "Their octets, without outer headers.", labels=labels
    )
    for overlay in overlays:
        vni, traffic = str(overlay.vni), overlay.traffic
        frames.add_metric([vni, "encap"], traffic.tx_frames)
        frames.add_metric([vni, "decap"], traffic.rx_frames)
        octets.add_metric([vni, "encap"], traffic.tx_bytes)
        octets.add_metric([vni, "decap"], traffic.rx_bytes)
    yield frames
    yield octets


def _flooded(overlays: Iterable[Overlay]) -> Metric:
    family = CounterMetricFamily(
        "vtep_flooded_frames", "Frames sent to every peer, counted once.", labels=["vni", "cause"]
    )
    for overlay in overlays:
        for cause in Flood:
            family.add_metric([str(overlay.vni), cause], overlay.flooded[cause])
    return family


def _fdb(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    entries = GaugeMetricFamily("vtep_fdb_entries", "Entries held.", labels=["vni", "kind"])
    changes = {
        name: CounterMetricFamily(f"vtep_fdb_{name}", meaning, labels=["vni"])
        for name, meaning in (
            ("learned", "MACs that were new."),
            ("moves", "MACs that were heard elsewhere than before."),
            ("expired", "MACs that were not heard for the ageing time."),
            ("refused", "MACs that were not learned because the table was full."),
        )
    }
    for overlay in overlays:
        vni, fdb = str(overlay.vni), overlay.fdb
        entries.add_metric([vni, "dynamic"], len(fdb))
        entries.add_metric([vni, "static"], len(overlay.flood))
        changes["learned"].add_metric([vni], fdb.learned)
        changes["moves"].add_metric([vni], fdb.moved)
        changes["expired"].add_metric([vni], fdb.expired)
        changes["refused"].add_metric([vni], fdb.refused)
    yield entries
    yield from changes.values()


def _peers(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    known = GaugeMetricFamily("vtep_peers", "VTEPs known.", labels=["vni"])
    labels = ["vni", "peer", "direction"]
    frames = CounterMetricFamily("vtep_peer_frames", "Frames to and from a peer.", labels=labels)
    for overlay in overlays:
        vni = str(overlay.vni)
        known.add_metric([vni], len(overlay.peers))
        others = {"encap": overlay.traffic.tx_frames, "decap": overlay.traffic.rx_frames}
        for peer in overlay.flood:
            counted = {"encap": peer.traffic.tx_frames, "decap": peer.traffic.rx_frames}
            for direction, count in counted.items():
                frames.add_metric([vni, peer.ip, direction], count)
                others[direction] -= count
        for direction, count in others.items():
            frames.add_metric([vni, "other", direction], count)
    yield known
    yield frames


def families(subject: Subject) -> Iterator[str]:
    """Yield the text of one family of metrics after another."""
    for family in Counters(subject).collect():
        yield generate_latest(_Alone(family)).decode()


class _Alone(CollectorRegistry):
    """A registry of one family that is there already."""

    def __init__(self, family: Metric) -> None:
        super().__init__(auto_describe=False)
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family
