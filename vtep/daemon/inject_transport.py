"""The transport of the injector: whole outer packets, GSO frames included, for one peer."""

import errno
from collections.abc import Sequence
from typing import Protocol

from vtep.dataplane.counters import Drop
from vtep.dataplane.peer import Peer, Transmit, count_unsent
from vtep.offload.inject import OuterTemplates
from vtep.wire.buffer import Readable
from vtep.wire.outer import Outer

_DROPS = {
    errno.EAGAIN: Drop.INJECT_FULL,
    errno.ENOBUFS: Drop.INJECT_FULL,
    errno.ENOMEM: Drop.INJECT_FULL,
}
_INJECTOR_GONE = (errno.EIO, errno.EBADFD)


class PacketWriter(Protocol):
    """Where whole packets are written: the injecting uplink."""

    def write(self, parts: Sequence[Readable]) -> int:
        """Write one packet in parts, its virtio header in front; return 0, or the errno."""
        ...

    def on_gone(self) -> None:
        """Handle that the device was set down or deleted."""
        ...


class InjectTransport:
    """Sends to one peer by injecting packets that the kernel forwards.

    Args:
        uplink: where packets are written.
        outer: source and destination of the packets.
        ports: the UDP source ports by index.
        max_segments: the most datagrams in one packet.

    Attributes:
        outer: as given.
        max_segments: as given.
    """

    takes_gso = True

    def __init__(
        self, uplink: PacketWriter, outer: Outer, ports: Sequence[int], max_segments: int
    ) -> None:
        self.outer = outer
        self.max_segments = max_segments
        self._uplink = uplink
        self._templates = OuterTemplates(outer, ports)

    def send(self, transmit: Transmit, peer: Peer) -> None:
        """Write the datagrams, or the GSO frame, in one packet; count them if that fails."""
        next_hop, parts, segment_size, octets, gso = transmit
        template = self._templates[next_hop.sport_index]
        prefix = (
            template.datagrams(octets, segment_size) if gso is None else template.gso_frame(gso)
        )
        error = self._uplink.write((prefix, *parts))
        if error:
            count_unsent(transmit, peer, _DROPS.get(error, Drop.INJECT_REFUSED))
            if error in _INJECTOR_GONE:
                self._uplink.on_gone()
