"""Finish frames for a TAP that takes no virtio header: one complete frame at a time."""

from collections.abc import Sequence

from vtep.offload.segment import complete_checksum, plan_segments, segment
from vtep.wire import virtio
from vtep.wire.buffer import Readable

_ANY_LENGTH = 65535
"""Segments keep the size that the sender chose."""


def finish(parts: Sequence[Readable]) -> list[bytearray]:
    """Segment a GSO frame, or complete a partial checksum.

    Args:
        parts: one frame behind its virtio header; only read.

    Returns:
        New buffers, each a header of zeros and one finished frame; an empty list if header and
        frame contradict each other.
    """
    octets = bytearray().join(parts)
    header = virtio.parse(octets)
    frame = memoryview(octets)[virtio.HEADER_LEN :]
    if header.gso_type != virtio.GSO_NONE:
        plan = plan_segments(frame, header, _ANY_LENGTH)
        if plan is None:
            return []
        layout, end = plan
        return segment(frame[:end], layout, bytes(virtio.HEADER_LEN))
    if header.flags & virtio.NEEDS_CSUM and not complete_checksum(frame, header):
        return []
    octets[: virtio.HEADER_LEN] = bytes(virtio.HEADER_LEN)
    return [octets]
