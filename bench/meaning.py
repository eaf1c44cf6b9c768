"""How a figure is read: which direction is better, and the loss that belongs to a rate."""

_LOWER_ENDS = ("_us", "_percent", "_s_per_gb", "_mb", "retransmits", "_per_frame")
LOSS = {
    ("udp", "arrived_kpps"): "lost_before_eth0_percent",
    ("udp", "received_kpps"): "lost_percent",
    ("ndr", "kpps"): "lost_percent",
    ("rtt", "median_us"): "lost_percent",
}
"""By kind and Metric.key of a rate: the key of its loss. Both are shown together."""
LOWER_BOUND = {("ndr", "kpps"): "sender_limited", ("ndr", "mbps"): "sender_limited"}
"""By kind and Metric.key of a rate: the key that is 1 if the true rate may be higher."""


def yes_or_no(share: float) -> str:
    """Format a figure that is 1 or 0 in each round, by its median."""
    return "yes" if share >= 0.5 else "no"


def is_lower_better(key: str) -> bool:
    """Return whether a lower figure is the better one: times, losses, costs."""
    return key.endswith(_LOWER_ENDS) and key != "delivered_percent"
