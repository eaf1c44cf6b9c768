"""Write the outcome of a frame as pcapng blocks: both sides of the tunnel, and the decision.

For each TAP there are two interfaces: the TAP itself with the inner frames, and the underlay with
the IP packets around them. Both sides of one frame have the same time and the same comment.
"""

import struct
from collections.abc import Callable, Iterator, Sequence

from vtep import __version__
from vtep.dataplane.overlay import Overlay
from vtep.offload.segment import plan_segments, segment
from vtep.pcap import ETHERNET, RAW_IP, frame_block, interface_block, section_block
from vtep.trace.outcome import Outcome, Sent
from vtep.trace.outer_headers import DESCRIPTION, OuterRebuilder
from vtep.trace.sentence import sentence
from vtep.wire import virtio, vxlan
from vtep.wire.virtio import VirtioHeader

_STATISTICS = 5
_DROPPED_OPTION = 5
"""isb_ifdrop: frames dropped for lack of room (draft-ietf-opsawg-pcapng)."""


class PcapngWriter:
    """Makes the blocks of one file.

    Args:
        taps: the names of the TAPs.
        overlays: by VNI.
        rebuilder: makes the packets of the underlay.
        snaplen: octets of a packet that are kept.
        clock: returns nanoseconds since 1970.
    """

    def __init__(
        self,
        taps: Sequence[str],
        overlays: dict[int, Overlay],
        rebuilder: OuterRebuilder,
        snaplen: int,
        clock: Callable[[], int],
    ) -> None:
        self._inner = {tap: 2 * number for number, tap in enumerate(taps)}
        self._overlays = overlays
        self._rebuilder = rebuilder
        self._snaplen = snaplen
        self._clock = clock

    def header(self) -> bytes:
        """Return the first blocks of a file: its section and its interfaces."""
        blocks = [section_block(f"vtep {__version__}")]
        for tap in self._inner:
            inner = f"frames of the TAP {tap}, as the kernel hands them over and takes them"
            blocks += [
                interface_block(tap, inner, link=ETHERNET, snap=self._snaplen),
                interface_block(f"{tap}-underlay", DESCRIPTION, link=RAW_IP, snap=self._snaplen),
            ]
        return b"".join(blocks)

    def blocks(self, outcome: Outcome, note: str = "") -> bytes:
        """Return the blocks of a frame: for "out" the inner side first, for "in" the outer side.

        Args:
            outcome: of the frame.
            note: a further comment on the first block.
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
            lines = [note, *comments] if note and not blocks else comments
            kept, size = octets[: self._snaplen], len(octets)
            blocks.append(frame_block(interface, kept, now, lines, outcome.way, size))
        return b"".join(blocks)

    def losses(self, lost: int) -> bytes:
        """Return a statistics block: frames missing so far because the reader was too slow."""
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
            if is_sent and datagram.segments > 1:
                payloads = self._segments(outcome, datagram)
            for payload in payloads:
                yield self._rebuilder.packet(datagram, payload, is_sent=is_sent)

    def _segments(self, outcome: Outcome, datagram: Sent) -> list[bytes]:
        """Return the payloads that the kernel makes of an injected GSO frame."""
        header, octets = datagram.payload[: vxlan.HEADER_LEN], datagram.payload[vxlan.HEADER_LEN :]
        offload, frame = outcome.frames[0]
        tag = len(frame) - len(octets)  # a VLAN tag was removed on the way
        mtu = self._overlays[outcome.vni or 0].mtu
        plan = plan_segments(octets, _shifted(offload, -tag), mtu)
        if plan is None:
            return []
        layout, end = plan
        return [bytes(row) for row in segment(memoryview(octets)[:end], layout, header)]


def _shifted(header: VirtioHeader, octets: int) -> VirtioHeader:
    """Return the virtio header of the same frame with that many more octets in front."""
    if not header.flags & virtio.NEEDS_CSUM:
        return header
    return header._replace(csum_start=header.csum_start + octets)
