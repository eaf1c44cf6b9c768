"""Counters in the text format of Prometheus, made for each scrape.

A sum over any label is meaningful. Drops outside any overlay have vni="", and frames of peers that
are not on the flood list have peer="other". The number of label values is bounded by the
configuration, not by the traffic.
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
from vtep.control.http.context import DaemonContext, PollCounters
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
"""Reasons exported with value 0 too, so that increase() sees the first drop."""


_VNI_WAY = ["vni", "direction"]


def texts(daemon: DaemonContext) -> Iterator[str]:
    """Yield the metrics as text; making each part takes little time."""
    before = ""
    for part in _parts(daemon):
        text = generate_latest(_OneMetric(part)).decode()
        if part.name == before:  # its HELP and TYPE lines are written
            text = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
        before = part.name
        yield text


class _OneMetric(CollectorRegistry):
    """A registry with one metric."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(auto_describe=False)
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


def _parts(daemon: DaemonContext) -> Iterator[Metric]:
    """Yield the metrics; one with many values comes in consecutive parts."""
    vtep = daemon.vtep
    overlays = list(vtep.overlays.values())
    yield from _traffic(overlays)
    yield _drops("", "", vtep.drops, _OF_UNDERLAY)
    for port in report.ports(vtep):
        yield _drops("", port.name, port.drops, _OF_TAP)
    for overlay in overlays:
        yield _drops(str(overlay.vni), overlay.port.name, overlay.drops, _OF_OVERLAY)
    for overlay in overlays:
        yield _flooded(overlay)
    yield from _fdb(overlays)
    yield from _peers(overlays)
    for direction, batches in (
        ("encap", daemon.forwarder.encap_stats),
        ("decap", daemon.forwarder.decap_stats),
    ):
        yield _sizes(direction, batches)
    seconds = CounterMetricFamily(
        "vtep_poll_seconds", "Seconds spent on batches.", labels=["direction"]
    )
    seconds.add_metric(["encap"], daemon.forwarder.encap_stats.busy)
    seconds.add_metric(["decap"], daemon.forwarder.decap_stats.busy)
    yield seconds
    info = {"version": __version__, "python": platform.python_version()}
    yield InfoMetricFamily("vtep_build", "Build information.", value=info)


def _traffic(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    for unit, meaning in (
        ("frames", "Inner frames to (encap) and from (decap) peers."),
        ("bytes", "Inner frame bytes to (encap) and from (decap) peers."),
    ):
        for overlay in overlays:
            vni, counted = str(overlay.vni), overlay.traffic.as_dict()
            metric = CounterMetricFamily(f"vtep_{unit}", meaning, labels=_VNI_WAY)
            metric.add_metric([vni, "encap"], counted[f"tx_{unit}"])
            metric.add_metric([vni, "decap"], counted[f"rx_{unit}"])
            yield metric


def _drops(vni: str, tap: str, counted: Counter[Drop], always: Iterable[Drop]) -> Metric:
    """Return the drops at one place; reasons in *always* are included with value 0 too."""
    drops = CounterMetricFamily(
        "vtep_drops",
        "Dropped frames and datagrams; vni is empty outside any overlay, tap is empty outside any"
        " TAP.",
        labels=["vni", "tap", "reason"],
    )
    for reason in sorted({*always, *counted}):
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
        entries = GaugeMetricFamily("vtep_fdb_entries", "FDB entries.", labels=["vni", "kind"])
        entries.add_metric([str(overlay.vni), "dynamic"], len(overlay.fdb))
        entries.add_metric([str(overlay.vni), "static"], len(overlay.flood))
        yield entries
    for name, field, meaning in (
        ("learned", "learned", "MACs without an entry before."),
        ("moves", "moved", "MACs that moved to another place."),
        ("expired", "expired", "Entries not refreshed within the ageing time."),
        ("refused", "refused", "MACs not learned because the FDB was full."),
    ):
        for overlay in overlays:
            changes = CounterMetricFamily(f"vtep_fdb_{name}", meaning, labels=["vni"])
            changes.add_metric([str(overlay.vni)], getattr(overlay.fdb, field))
            yield changes


def _peers(overlays: Iterable[Overlay]) -> Iterator[Metric]:
    for overlay in overlays:
        known = GaugeMetricFamily("vtep_peers", "Known VTEPs.", labels=["vni"])
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


def _sizes(direction: str, counted: PollCounters) -> Metric:
    sizes = HistogramMetricFamily(
        "vtep_batch_frames", "Frames or messages read in one batch.", labels=["direction"]
    )
    buckets, below = [], 0
    for bits, count in enumerate(counted.sizes):
        below += count
        buckets.append((f"{(1 << bits) - 1}.0", below))
    sizes.add_metric([direction], [*buckets, ("+Inf", below)], counted.frames)
    return sizes
