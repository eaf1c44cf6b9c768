"""The counters for Prometheus, made anew for each scrape.

A sum over any label makes sense: drops that belong to no overlay stand under vni="", and what came
from or went to peers beyond those of the flood list under peer="other".  No label has as many
values as the network likes.
"""

import platform
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric

from vtep import __version__
from vtep.control.http.context import Subject
from vtep.daemon.forwarder import Batches
from vtep.dataplane import report
from vtep.dataplane.counters import Drop, Flood
from vtep.dataplane.overlay import Overlay

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OF_UNDERLAY = (Drop.RECEIVE_FULL, Drop.SHORT, Drop.BAD_FLAGS, Drop.UNKNOWN_VNI)
_OF_TAP = (Drop.TAP_OVERRUN, Drop.UNKNOWN_VLAN, Drop.RUNT)
_OF_OVERLAY = (
    *(Drop.UNKNOWN_PEER, Drop.INNER_VLAN, Drop.INVALID_SOURCE, Drop.SELF_SOURCE, Drop.OVERSIZE),
    *(Drop.LOCAL_DESTINATION, Drop.SOCKET_FULL, Drop.UNDERLAY_MTU, Drop.NO_ROUTE, Drop.TAP_FULL),
)
"""What is told while it is 0 too, so that the first of it is seen as an increase."""


_VNI_WAY = ["vni", "direction"]


def texts(subject: Subject) -> Iterator[str]:
    """Yield the counters in Prometheus' text format; each text takes little time to make."""
    before = ""
    for part in _parts(subject):
        text = generate_latest(_Alone(part)).decode()
        if part.name == before:  # its head stands already
            text = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
        before = part.name
        yield text


class _Alone(CollectorRegistry):
    """A registry of one metric that is there already."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(auto_describe=False)
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


def _parts(subject: Subject) -> Iterator[Metric]:
    """Yield the metrics; one that has many values comes in parts, one behind another."""
    vtep = subject.vtep
    overlays = list(vtep.overlays.values())
    yield from _traffic(overlays)
    yield _drops("", "", vtep.inbound.drops, _OF_UNDERLAY)
    for port in report.ports(vtep):
        yield _drops("", port.name, port.drops, _OF_TAP)
    for overlay in overlays:
        yield _drops(str(overlay.vni), overlay.port.name, overlay.drops, _OF_OVERLAY)
    for overlay in overlays:
        yield _flooded(overlay)
    yield from _fdb(overlays)
    yield from _peers(overlays)
    for direction, batches in (
        ("encap", subject.forwarder.encap),
        ("decap", subject.forwarder.decap),
    ):
        yield _sizes(direction, batches)
    seconds = CounterMetricFamily(
        "vtep_poll_seconds", "Time spent on batches.", labels=["direction"]
    )
    seconds.add_metric(["encap"], subject.forwarder.encap.busy)
    seconds.add_metric(["decap"], subject.forwarder.decap.busy)
    yield seconds
    info = {"version": __version__, "python": platform.python_version()}
    yield InfoMetricFamily("vtep_build", "What runs.", value=info)


def _traffic(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    for unit, meaning in (
        ("frames", "Frames to (encap) and from peers."),
        ("bytes", "Their octets, without outer headers."),
    ):
        for overlay in overlays:
            vni, counted = str(overlay.vni), overlay.traffic.as_dict()
            metric = CounterMetricFamily(f"vtep_{unit}", meaning, labels=_VNI_WAY)
            metric.add_metric([vni, "encap"], counted[f"tx_{unit}"])
            metric.add_metric([vni, "decap"], counted[f"rx_{unit}"])
            yield metric


def _drops(vni: str, tap: str, counted: Counter[Drop], told: Iterable[Drop]) -> Metric:
    """Return what was dropped at one place; reasons of `told` are there while they are 0 too."""
    drops = CounterMetricFamily(
        "vtep_drops",
        "Frames and datagrams not forwarded; vni is empty for those of no overlay, tap too for"
        " those not of a TAP.",
        labels=["vni", "tap", "reason"],
    )
    for reason in sorted({*told, *counted}):
        drops.add_metric([vni, tap, reason], counted[reason])
    return drops


def _flooded(overlay: Overlay) -> Metric:
    flooded = CounterMetricFamily(
        "vtep_flooded_frames", "Frames sent to every peer, counted once.", labels=["vni", "cause"]
    )
    for cause in Flood:
        flooded.add_metric([str(overlay.vni), cause], overlay.flooded[cause])
    return flooded


def _fdb(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    for overlay in overlays:
        entries = GaugeMetricFamily("vtep_fdb_entries", "Entries held.", labels=["vni", "kind"])
        entries.add_metric([str(overlay.vni), "dynamic"], len(overlay.fdb))
        entries.add_metric([str(overlay.vni), "static"], len(overlay.flood))
        yield entries
    for name, field, meaning in (
        ("learned", "learned", "MACs that were new."),
        ("moves", "moved", "MACs that were heard elsewhere than before."),
        ("expired", "expired", "MACs that were not heard for the ageing time."),
        ("refused", "refused", "MACs that were not learned because the table was full."),
    ):
        for overlay in overlays:
            changes = CounterMetricFamily(f"vtep_fdb_{name}", meaning, labels=["vni"])
            changes.add_metric([str(overlay.vni)], getattr(overlay.fdb, field))
            yield changes


def _peers(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    for overlay in overlays:
        known = GaugeMetricFamily("vtep_peers", "VTEPs known.", labels=["vni"])
        known.add_metric([str(overlay.vni)], len(overlay.peers))
        yield known
    for overlay in overlays:
        vni = str(overlay.vni)
        frames = CounterMetricFamily(
            "vtep_peer_frames", "Frames to and from a peer.", labels=["vni", "peer", "direction"]
        )
        others_tx, others_rx = overlay.traffic.tx_frames, overlay.traffic.rx_frames
        for peer in overlay.flood:
            frames.add_metric([vni, peer.ip, "encap"], peer.traffic.tx_frames)
            frames.add_metric([vni, peer.ip, "decap"], peer.traffic.rx_frames)
            others_tx -= peer.traffic.tx_frames
            others_rx -= peer.traffic.rx_frames
        frames.add_metric([vni, "other", "encap"], others_tx)
        frames.add_metric([vni, "other", "decap"], others_rx)
        yield frames


def _sizes(direction: str, batches: Batches) -> Metric:
    sizes = HistogramMetricFamily(
        "vtep_batch_frames", "Frames or messages read in one batch.", labels=["direction"]
    )
    buckets, below = [], 0
    for bits, count in enumerate(batches.sizes):
        below += count
        buckets.append((f"{(1 << bits) - 1}.0", below))
    sizes.add_metric([direction], [*buckets, ("+Inf", below)], batches.frames)
    return sizes
