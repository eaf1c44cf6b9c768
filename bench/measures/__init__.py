"""The measures: each kind of test in one file, with its figures."""

from bench.measures.many import MANY, Many
from bench.measures.metric import Metric
from bench.measures.ndr import NDR, Ndr
from bench.measures.page import PAGE
from bench.measures.rr import RR, Rr
from bench.measures.rtt import RTT, Rtt
from bench.measures.tcp import TCP, Tcp
from bench.measures.udp import UDP, Udp

Case = Tcp | Udp | Ndr | Rtt | Rr | Many

METRICS: dict[str, tuple[Metric, ...]] = {
    "tcp": TCP,
    "udp": UDP,
    "ndr": NDR,
    "rtt": RTT,
    "rr": RR,
    "many": MANY,
    "page": PAGE,
}
"""Figures by kind of test; the first is compared."""

COMPARED = {kind: metrics[: 2 if kind == "udp" else 1] for kind, metrics in METRICS.items()}
"""Figures with a ratio in the tables; UDP has two, arrived at eth0 and received by iperf3."""

__all__ = ["COMPARED", "METRICS", "Case", "Many", "Metric", "Ndr", "Rr", "Rtt", "Tcp", "Udp"]
