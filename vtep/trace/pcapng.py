"""What became of a frame, as blocks of a pcapng file: both sides of the tunnel, and why.

For each TAP there are two interfaces: the TAP itself with the frames inside, and the underlay with
the IP packets around them.  Both sides of one frame have one time and one comment.
"""

import struct
from collections.abc import Callable, Iterator, Sequence

from vtep import __version__
from vtep.dataplane.overlay import Overlay
from vtep.offload.segment import plan, segment
from vtep.pcap import ETHERNET, RAW_IP, frame_block, interface_block, section_block
from vtep.trace.outcome import Outcome, Sent
from vtep.trace.outer_headers import DESCRIPTION, Outside
from vtep.trace.sentence import sentence
from vtep.wire import virtio, vxlan
from vtep.wire.virtio import VirtioHeader

_STATISTICS = 5
_DROPPED_OPTION = 5
"""isb_ifdrop: frames that were seen and found no room (draft-ietf-opsawg-pcapng)."""


class Recorder:
    """Makes the blocks.

    Args:
        taps: the names of the TAPs.
        overlays: by VNI.
        outside: makes the packets of the underlay.
        snaplen: octets of a packet that are kept.
        clock: nanoseconds since 1970.
    """

    def __init__(
        self,
        taps: Sequence[str],
        overlays: dict[int, Overlay],
        outside: Outside,
        snaplen: int,
        clock: Callable[[], int],
    ) -> None:
        self._inner = {tap: 2 * number for number, tap in enumerate(taps)}
        self._overlays = overlays
        self._outside = outside
        self._snaplen = snaplen
        self._clock = clock

    def beginning(self) -> bytes:
        """Return what a file begins with."""
        blocks = [section_block(f"vtep {__version__}")]
        for tap in self._inner:
            inner = f"frames of the TAP {tap}, as the kernel hands them over and takes them"
            blocks += [
                interface_block(tap, inner, link=ETHERNET, snap=self._snaplen),
                interface_block(f"{tap}-underlay", DESCRIPTION, link=RAW_IP, snap=self._snaplen),
            ]
        return b"".join(blocks)

    def blocks(self, outcome: Outcome, note: str = "") -> bytes:
        """Return the blocks of a frame, inside first where it leaves, outside first where it comes.

        Args:
            outcome: what became of it.
            note: a further comment on the first of them.
        """
        now = self._clock()
        inner = self._inner.get(outcome.tap or "", 0)
        comments = [sentence(outcome)]
        sides = [
            [(inner, frame) for _, frame in outcome.frames],
            [(inner + 1, packet) for packet in self._packets(outcome)],
        ]
        if outcome.way == "in":
            sides.reverse()
        blocks: list[bytes] = []
        for interface, octets in sides[0] + sides[1]:
            said = [note, *comments] if note and not blocks else comments
            kept, size = octets[: self._snaplen], len(octets)
            blocks.append(frame_block(interface, kept, now, said, outcome.way, size))
        return b"".join(blocks)

    def losses(self, lost: int) -> bytes:
        """Return the block that says how many frames found no room so far."""
        now = self._clock()
        times = struct.pack("=III", 0, now >> 32, now & 0xFFFFFFFF)
        option = struct.pack("=HHQ", _DROPPED_OPTION, 8, lost)
        body = times + option + bytes(4)
        length = struct.pack("=I", len(body) + 12)
        return struct.pack("=I", _STATISTICS) + length + body + length

    def _packets(self, outcome: Outcome) -> Iterator[bytes]:
        is_sent = outcome.way == "out"
        for datagram in outcome.datagrams:
            payloads = [datagram.payload]
            if is_sent and datagram.rows > 1:
                payloads = self._cut(outcome, datagram)
            for payload in payloads:
                yield self._outside.packet(datagram, payload, is_sent=is_sent)

    def _cut(self, outcome: Outcome, datagram: Sent) -> list[bytes]:
        """Return the payloads that the kernel makes of a super-frame it was handed uncut."""
        header, octets = datagram.payload[: vxlan.HEADER_LEN], datagram.payload[vxlan.HEADER_LEN :]
        offload, frame = outcome.frames[0]
        tag = len(frame) - len(octets)  # a VLAN tag went on the way
        cut = plan(octets, _moved(offload, -tag), self._overlays[outcome.vni or 0].mtu)
        if cut is None:
            return []
        return [bytes(row) for row in segment(memoryview(octets), cut, header)]


def _moved(header: VirtioHeader, octets: int) -> VirtioHeader:
    """Return the header of the same frame with so many octets more in front."""
    if not header.flags & virtio.NEEDS_CSUM:
        return header
    return header._replace(csum_start=header.csum_start + octets)
