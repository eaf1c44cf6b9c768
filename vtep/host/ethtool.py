"""What a network device does by itself, as `ethtool -k` lists it."""

from contextlib import closing

from pyroute2 import Ethtool, NetlinkError

_TUNNEL_FEATURES = "tx-udp_tnl-csum-segmentation", "tx-tcp-segmentation"
"""The first for super-frames in a tunnel that has an outer checksum, which veth keeps on when all
checksums are off; the second goes off then."""


def missing_for_tunnels(device: str) -> list[str]:
    """Return the features that *device* lacks to cut super-frames inside a UDP tunnel by itself.

    pyroute2 drives an event loop of its own: not to be called while uvloop runs.
    """
    try:
        with closing(Ethtool()) as ethtool:
            features = ethtool.get_features(device).features
    except (NetlinkError, OSError):
        return list(_TUNNEL_FEATURES)
    return [name for name in _TUNNEL_FEATURES if name not in features or not features[name].enable]
