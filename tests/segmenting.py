"""The reference segmentation of a GSO frame, in one step."""

from vtep.offload.segment import plan_segments, segment
from vtep.wire.virtio import VirtioHeader


def segmented(
    frame: memoryview, header: VirtioHeader, max_packet: int, prefix: bytes
) -> list[bytearray] | None:
    plan = plan_segments(frame, header, max_packet)
    if plan is None:
        return None
    layout, end = plan
    return segment(frame[:end], layout, prefix)
