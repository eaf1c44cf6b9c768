"""Query the offload features of a network device, as `ethtool -k` lists them."""

from contextlib import closing

from pyroute2 import Ethtool, NetlinkError

_TUNNEL_FEATURES = "tx-udp_tnl-csum-segmentation", "tx-tcp-segmentation"
"""The first segments GSO frames in a tunnel with an outer checksum. veth keeps it on even if all
checksum offloads are off, but then turns the second off; so both are checked."""


def missing_for_tunnels(device: str) -> list[str]:
    """Return the features that *device* lacks to segment GSO frames inside a UDP tunnel.

    Do not call this while uvloop runs: pyroute2 drives an event loop of its own.
    """
    try:
        with closing(Ethtool()) as ethtool:
            features = ethtool.get_features(device).features
    except (NetlinkError, OSError):
        return list(_TUNNEL_FEATURES)
    return [name for name in _TUNNEL_FEATURES if name not in features or not features[name].enable]
