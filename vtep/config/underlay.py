"""Rules about underlay addresses and MTUs that need no host.

The configuration applies them to IP addresses, the daemon also to addresses that names resolve to.
"""

import ipaddress
from collections.abc import Mapping, Sequence

from vtep.errors import UsageError

MIN_MTU = 576
"""Smallest MTU of an overlay: the size that every IPv4 host must accept (RFC 791 section 3.1)."""

MAX_IP_PACKET = 65535
"""Longest IPv4 packet, one octet shorter than the loopback's MTU."""

BROADCAST = "a broadcast address; give each VTEP as a peer, vtep floods to all of them"
"""Why such an address cannot be a peer, and the remedy."""

_OVERHEAD = {4: 50, 6: 70}
_TAG_LEN = 4

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> IPAddress | None:
    """Return an IP address, which may have a %scope; None if *text* is not one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def why_not_peer(address: IPAddress, *, has_device: bool) -> str | None:
    """Return why an address cannot be that of a peer on any host, and the remedy; None if it can.

    Args:
        address: the address.
        has_device: a device is known to send by; link-local addresses need one.
    """
    if address.is_unspecified:
        return "the unspecified address; give the address of the other VTEP"
    if address.is_multicast:
        return "a multicast address; give each VTEP as a peer, vtep floods to all of them"
    if str(address) == "255.255.255.255":
        return BROADCAST
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return f"an IPv4-mapped IPv6 address; use {address.ipv4_mapped}"
        if address.is_link_local and not has_device:
            return f"link-local; append its device, as in {address}%eth0"
    return None


def common_versions(local: str | None, versions: Mapping[str, Sequence[int]]) -> list[int]:
    """Return the IP versions that `local` and all peers have, the preferred one first.

    Args:
        local: the local address; None for any.
        versions: the IP versions of each peer's addresses by its name.

    Raises:
        UsageError: they have none in common.
    """
    address = None if local is None else parse_address(local)
    common: list[int] = [] if address is None else [address.version]
    reference = f"local {local}"
    for name, own in versions.items():
        shared = [version for version in common or own if version in own]
        if not shared:
            raise UsageError(
                f"peer {name}: {_names(own)}, but {reference} is {_names(common)}; "
                "use one family for local and all peers"
            )
        reference = reference if common else f"peer {name}"
        common = shared
    return common


def overhead(version: int, tags: str) -> int:
    """Return the octets by which an IP packet grows in the tunnel; *tags* are stripped or pass."""
    return _OVERHEAD[version] + _TAG_LEN * (tags == "pass")


def why_not_mtu(mtu: int | None, path_mtu: int, added: int) -> str | None:
    """Return why the MTU of an overlay does not fit the path, and the remedy; None if it does.

    Args:
        mtu: of the overlay; None for the largest possible.
        path_mtu: octets of the largest outer IP packet.
        added: octets of headers, see `overhead`.
    """
    largest = path_mtu - added
    if largest < MIN_MTU:
        return (
            f"underlay MTU {path_mtu} leaves an MTU of {max(largest, 0)}, less than "
            f"{MIN_MTU}; raise the underlay MTU to at least {MIN_MTU + added}"
        )
    if mtu is not None and mtu > largest:
        return (
            f"mtu {mtu} does not fit underlay MTU {path_mtu} minus {added} octets of headers; "
            f"use at most {largest}"
        )
    return None


def _names(versions: Sequence[int]) -> str:
    return " and ".join(f"IPv{version}" for version in versions)
