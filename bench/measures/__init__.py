"""What is measured: each kind of test in a file of its own, with the figures it gives."""

from bench.measures.many import MANY, Many
from bench.measures.metric import Metric
from bench.measures.page import PAGE
from bench.measures.rtt import RTT, Rtt
from bench.measures.tcp import TCP, Tcp
from bench.measures.udp import UDP, Udp

Case = Tcp | Udp | Rtt | Many

METRICS: dict[str, tuple[Metric, ...]] = {
    "tcp": TCP,
    "udp": UDP,
    "rtt": RTT,
    "many": MANY,
    "page": PAGE,
}
"""By kind of test; the first is the one that is compared."""

COMPARED = {kind: metrics[: 2 if kind == "udp" else 1] for kind, metrics in METRICS.items()}
"""Those with a ratio in the tables: UDP by what iperf3 got, and by what reached eth0 too."""

__all__ = ["COMPARED", "METRICS", "Case", "Many", "Metric", "Rtt", "Tcp", "Udp"]
