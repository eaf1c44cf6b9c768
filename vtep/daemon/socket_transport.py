"""The transport of the UDP socket: datagrams leave in as few sends as the kernel allows."""

import errno
import os
from collections.abc import Callable

from vtep import log
from vtep.dataplane.counters import Drop
from vtep.dataplane.peer import Peer, Transmit, count_unsent
from vtep.host.underlay import GSO_ERRORS, Underlay

_DROPS = {
    errno.EAGAIN: Drop.SOCKET_FULL,
    errno.ENOBUFS: Drop.SOCKET_FULL,
    errno.ENOMEM: Drop.SOCKET_FULL,
    errno.EMSGSIZE: Drop.UNDERLAY_MTU,
}


class SocketTransport:
    """Sends to any peer by the UDP sockets of an Underlay.

    Args:
        underlay: the sockets.
        on_change: called when `max_segments` falls.
    """

    takes_gso = False

    def __init__(self, underlay: Underlay, on_change: Callable[[], None]) -> None:
        self._underlay = underlay
        self._on_change = on_change

    @property
    def max_segments(self) -> int:
        """The most datagrams in one Transmit."""
        return self._underlay.segments

    # HOT PATH: bench tcp, udp, rtt
    def send(self, transmit: Transmit, peer: Peer) -> None:
        """Send to *peer*; count datagrams that do not leave."""
        next_hop, parts, segment_size, _, gso = transmit
        if gso is not None:  # its peer was injected for when this batch was classified
            count_unsent(transmit, peer, Drop.INJECT_REFUSED)
            return
        error = self._underlay.send(parts, peer.address, segment_size, next_hop.sport_index)
        if error:
            self._send_unsegmented(transmit, peer, error)

    def _send_unsegmented(self, transmit: Transmit, peer: Peer, error: int) -> None:
        """Send in smaller pieces what the kernel did not segment; count what does not leave."""
        next_hop, parts, segment_size, _, _ = transmit
        underlay = self._underlay
        if not segment_size or error not in GSO_ERRORS:
            count_unsent(transmit, peer, _DROPS.get(error, Drop.NO_ROUTE))
            return
        segments = underlay.segments
        failed = underlay.send_unsegmented(
            parts, peer.address, segment_size, next_hop.sport_index, error
        )
        for octets, why in failed:
            left = transmit._replace(parts=(octets,), octets=len(octets))
            count_unsent(left, peer, _DROPS.get(why, Drop.NO_ROUTE))
        if underlay.segments < segments:
            segments = underlay.segments
            many = f"at most {segments} datagrams" if segments > 1 else "each datagram alone"
            log.info(
                f"UDP_SEGMENT failed ({os.strerror(error)}): sending {many} from now on",
                udp_segment=segments,
            )
            self._on_change()
