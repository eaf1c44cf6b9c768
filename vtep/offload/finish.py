"""What a TAP is to get that cannot be told what is left to do: finished frames, one by one."""

from collections.abc import Sequence

from vtep.offload.segment import complete_checksum, plan, segment
from vtep.wire import virtio
from vtep.wire.buffer import Readable

_ANY_LENGTH = 65535
"""No frame is cut finer than it came: its segment size is the sender's."""


def finish(parts: Sequence[Readable]) -> list[bytearray]:
    """Cut a super-frame, and complete the checksum of a frame that is to be.

    Args:
        parts: one frame, its virtio header in front; only read.

    Returns:
        New buffers, each a header of zeros and one finished frame.  None where header and frame
        contradict each other.
    """
    octets = bytearray().join(parts)
    header = virtio.parse(octets)
    frame = memoryview(octets)[virtio.HEADER_LEN :]
    if header.gso_type != virtio.GSO_NONE:
        cut = plan(frame, header, _ANY_LENGTH)
        return [] if cut is None else segment(frame, cut, bytes(virtio.HEADER_LEN))
    if header.flags & virtio.NEEDS_CSUM and not complete_checksum(frame, header):
        return []
    octets[: virtio.HEADER_LEN] = bytes(virtio.HEADER_LEN)
    return [octets]
