"""The plain way to cut a super-frame, in one step."""

from vtep.offload.segment import plan, segment
from vtep.wire.virtio import VirtioHeader


def segmented(
    frame: memoryview, header: VirtioHeader, max_packet: int, prefix: bytes
) -> list[bytearray] | None:
    cut = plan(frame, header, max_packet)
    return None if cut is None else segment(frame, cut, prefix)
