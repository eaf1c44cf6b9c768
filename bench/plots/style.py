"""Colours and labels of all plots."""

LABELS = {
    "bare": "bare underlay",
    "kernel": "kernel vxlan",
    "vtep": "vtep",
    "vtep-inject": "vtep, inject",
    "vtep-plain": "vtep, no offload",
    "loop": "plain Python loop",
    "ovs": "OVS, AF_PACKET",
    "ovs-afxdp": "OVS, AF_XDP",
    "openvpn": "OpenVPN",
}
"""Labels of contenders in plots, if they differ from the name."""

INK, FAINT, GRID = "#22303c", "#5b6a78", "#dde3e8"
OTHERS = "#a9b8c6"
PALETTE = {
    "vtep": "#d9480f",
    "vtep-inject": "#f08c4a",
    "vtep-plain": "#f6c19b",
    "kernel": "#1f4e79",
    "bare": "#6d93b8",
}
"""vtep in orange and its tints, Linux in blue, all others in grey.

Orange and blue differ for colour-blind readers, and the tints differ in grey print.
"""


def label(name: str) -> str:
    """Return the label of a contender."""
    return LABELS.get(name, name)


def colour(name: str) -> str:
    """Return the colour of a contender."""
    return PALETTE.get(name, OTHERS)


def ink(name: str) -> str:
    """Return the colour of a contender's text."""
    return PALETTE["vtep"] if is_ours(name) else INK


def is_ours(name: str) -> bool:
    """Return whether the contender is vtep, with whatever options."""
    return name.startswith("vtep")


def microseconds(value: float) -> str:
    """Format a time in microseconds: "74 us", "5.3 ms", "14 ms", "1.2 s"."""
    scaled, unit = _scaled(value)
    return f"{scaled:.1f} {unit}" if scaled < 10 and unit != "us" else f"{scaled:.0f} {unit}"


def tick(value: float) -> str:
    """Format a round time in microseconds: "100 us", "1 ms"."""
    scaled, unit = _scaled(value)
    return f"{scaled:g} {unit}"


def _scaled(value: float) -> tuple[float, str]:
    unit = "us"
    for larger in ("ms", "s"):
        if value >= 1000:
            unit, value = larger, value / 1000
    return value, unit
