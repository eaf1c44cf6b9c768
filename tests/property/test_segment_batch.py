"""The vectorised segmentation equals the reference octet by octet, whatever is in the slots."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import IP, TCP, frame
from tests.property.gso_frames import DrawnFrame, gso_frames
from vtep.offload.segment import SegmentLayout, plan_segments, segment
from vtep.offload.segment_batch import RowPlan, Segmenter, SegmentTemplate
from vtep.wire import ip, vxlan
from vtep.wire.slot import FRAME_AT, LARGE_LEN, SlotArray
from vtep.wire.virtio import GSO_TCPV4, NEEDS_CSUM, VirtioHeader

PREFIX = vxlan.pack(100)
COUNT = 4
SLOTS = SlotArray(COUNT, LARGE_LEN)
SEGMENTER = Segmenter(SLOTS)


def put(slot: int, data: bytes) -> None:
    """Put a frame into a slot that holds octets of an earlier one."""
    SLOTS.octets[slot] = 0xA5
    view = SLOTS.views[slot]
    view[FRAME_AT - len(PREFIX) : FRAME_AT] = PREFIX
    view[FRAME_AT : FRAME_AT + len(data)] = data


def reference(data: bytes, layout: SegmentLayout) -> list[bytes]:
    return [bytes(row) for row in segment(memoryview(data), layout, PREFIX)]


def split(plan: RowPlan, most: int, start: int, stop: int) -> list[bytes]:
    """Return the datagrams that UDP_SEGMENT makes of the sends."""
    row_len = plan.template.row_len
    return [
        bytes(run[at : at + row_len])
        for run in SEGMENTER.datagrams(plan, start, stop, most)
        for at in range(0, len(run), row_len)
    ]


def planned(one: DrawnFrame, max_packet: int) -> tuple[SegmentTemplate, int] | None:
    """Return the template and the octets of payload, if numpy has room for the frame."""
    plan = plan_segments(memoryview(one.raw), one.header, max_packet)
    if plan is None:
        return None
    layout, end = plan
    template = SEGMENTER.template(FRAME_AT, layout)
    payload = end - layout.payload_at
    return (template, payload) if payload <= template.max_payload else None


@given(gso_frames(), st.integers(30, 9000), st.integers(1, 128))
def test_one_gso_frame_is_segmented_as_the_reference_does(
    one: DrawnFrame, room: int, most: int
) -> None:
    found = planned(one, one.overhead + room)
    if found is not None:
        template, payload = found
        put(1, one.raw)
        plan = SEGMENTER.segment(1, [payload], template)
        assert split(plan, most, 0, 1) == reference(one.raw, template.layout)


@given(gso_frames(), st.data())
def test_a_run_of_any_lengths_is_segmented_as_each_frame_alone(
    one: DrawnFrame, data: st.DataObject
) -> None:
    found = planned(one, 65535)
    if found is None:
        return
    template, longest = found
    lengths = data.draw(
        st.lists(st.integers(1, longest), min_size=COUNT, max_size=COUNT)
        | st.just([longest] * COUNT)
    )
    frames = []
    for slot, length in enumerate(lengths):
        changed = bytearray(one.raw[: one.payload_at + length])
        _set_length(changed, one)
        # The template says nothing about MACs, ID, addresses, ports, sequence numbers, flags.
        changed[:12] = data.draw(st.binary(min_size=12, max_size=12))
        tail = data.draw(st.binary(min_size=16, max_size=16))
        changed[one.l4 : one.l4 + 4] = tail[:4]
        if one.protocol == ip.TCP:
            changed[one.l4 + 4 : one.l4 + 12] = tail[4:12]
            changed[one.l4 + 13] = tail[13]
        if one.version == 4:
            changed[one.l3 + 4 : one.l3 + 6] = tail[14:16]
        changed[one.payload_at :] = data.draw(st.binary(min_size=length, max_size=length))
        frames.append(bytes(changed))
        put(slot, frames[-1])
    plan = SEGMENTER.segment(0, lengths, template)
    expected = [reference(frame, template.layout) for frame in frames]
    for number, rows in enumerate(expected):
        assert split(plan, 64, number, number + 1) == rows
    together = next((at + 1 for at in range(COUNT) if not plan.is_even(at)), COUNT)
    assert split(plan, 64, 0, together) == [row for rows in expected[:together] for row in rows]


def _set_length(changed: bytearray, one: DrawnFrame) -> None:
    """Make lengths, IPv4 checksum and partial checksum those of a shorter frame."""
    found = ip.Headers(one.version, one.l3, one.l4, len(changed), one.protocol, False)
    if one.version == 4:
        changed[one.l3 + 2 : one.l3 + 4] = (len(changed) - one.l3).to_bytes(2, "big")
    else:
        length = len(changed) - one.l3 - ip.IPV6_LEN
        changed[one.l3 + 4 : one.l3 + 6] = length.to_bytes(2, "big")
    if one.protocol == ip.UDP:
        changed[one.l4 + 4 : one.l4 + 6] = (len(changed) - one.l4).to_bytes(2, "big")
    at = one.l4 + ip.CHECKSUM_AT[one.protocol]
    total = ip.pseudo_header_sum(changed, found, len(changed) - one.l4)
    changed[at : at + 2] = total.to_bytes(2, "big")


def bulk(octets: int) -> bytes:
    return frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / TCP() / bytes(octets))


def test_sends_are_as_equal_as_possible_and_fit_into_one_packet() -> None:
    raw = bulk(47 * 1398 - 500)
    header = VirtioHeader(NEEDS_CSUM, GSO_TCPV4, 54, 1398, 34, 16)
    found = plan_segments(memoryview(raw), header, 1450)
    assert found is not None
    layout, end = found
    template = SEGMENTER.template(FRAME_AT, layout)
    put(0, raw)
    plan = SEGMENTER.segment(0, [end - layout.payload_at], template)
    runs = SEGMENTER.datagrams(plan, 0, 1, 64)
    assert [-(-len(run) // template.row_len) for run in runs] == [24, 23]
    assert max(map(len, runs)) <= 65507


@pytest.mark.parametrize("size", [1, 7, 536, 1398, 9000])
def test_a_template_says_how_much_payload_fits(size: int) -> None:
    layout = SegmentLayout(4, ip.TCP, 14, 34, 54, size, one_id=True)
    template = SEGMENTER.template(FRAME_AT, layout)
    assert template.max_payload % size == 0
    longest = min(template.max_payload, 65_000)
    for payload in (longest, longest - 1):
        if payload > 0:
            put(0, bulk(payload)[: 54 + payload])
            plan = SEGMENTER.segment(0, [payload], template)
            assert len(split(plan, 64, 0, 1)) == -(-payload // size)


def test_one_template_serves_all_frames_with_the_same_layout() -> None:
    layout: Any = SegmentLayout(4, ip.TCP, 14, 34, 66, 1398, one_id=True)
    template = SEGMENTER.template(FRAME_AT, layout)
    assert SEGMENTER.template(FRAME_AT, layout._replace()) is template
    assert SEGMENTER.template(FRAME_AT, layout._replace(size=1000)) is not template
