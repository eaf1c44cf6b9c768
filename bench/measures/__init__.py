"""What is measured: each kind of test in a file of its own, with the figures it gives."""

from bench.measures.metric import Metric
from bench.measures.rtt import RTT, Rtt
from bench.measures.tcp import TCP, Tcp
from bench.measures.udp import UDP, Udp

Case = Tcp | Udp | Rtt

METRICS: dict[str, tuple[Metric, ...]] = {"tcp": TCP, "udp": UDP, "rtt": RTT}
"""By kind of test; the first is the one that is compared."""

__all__ = ["METRICS", "Case", "Metric", "Rtt", "Tcp", "Udp"]
