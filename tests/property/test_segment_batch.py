"""The vectorised way to cut equals the plain one, octet for octet, whatever stands in the slots."""

from hypothesis import given
from hypothesis import strategies as st

from tests.property.superframes import SuperFrame, super_frames
from vtep.offload.segment import plan, segment
from vtep.offload.segment_batch import Segmenter, Shape
from vtep.wire import vxlan
from vtep.wire.slot import FRAME_AT, LARGE_LEN, Slots

PREFIX = vxlan.pack(100)
COUNT = 4
SLOTS = Slots(COUNT, LARGE_LEN)
SEGMENTER = Segmenter(SLOTS)


def put(slot: int, frame: bytes) -> None:
    """Put a frame into a slot that holds what an earlier one left."""
    SLOTS.octets[slot] = 0xA5
    view = SLOTS.views[slot]
    view[FRAME_AT - len(PREFIX) : FRAME_AT] = PREFIX
    view[FRAME_AT : FRAME_AT + len(frame)] = frame


def plainly(frame: bytes, shape: Shape) -> list[bytes]:
    return [bytes(row) for row in segment(memoryview(frame), shape.cut, PREFIX)]


def split(shape: Shape, most: int, first: int = 0, count: int = 1) -> list[bytes]:
    """Return the datagrams of super-frames cut last as UDP_SEGMENT would cut the sends."""
    return [
        bytes(run[at : at + shape.row_len])
        for run in SEGMENTER.datagrams(shape, first, count, most)
        for at in range(0, len(run), shape.row_len)
    ]


@given(super_frames(), st.integers(30, 9000), st.integers(1, 128))
def test_one_super_frame_is_cut_as_the_plain_way_cuts_it(
    one: SuperFrame, room: int, most: int
) -> None:
    cut = plan(memoryview(one.raw), one.header, one.overhead + room)
    if cut is None:
        return
    shape = Shape(SLOTS, FRAME_AT, cut)
    if shape.fits:
        put(1, one.raw)
        SEGMENTER.cut(1, 1, shape)
        assert split(shape, most) == plainly(one.raw, shape)


@given(super_frames(), st.data())
def test_a_run_of_one_shape_is_cut_as_each_alone(one: SuperFrame, data: st.DataObject) -> None:
    cut = plan(memoryview(one.raw), one.header, 65535)
    assert cut is not None
    shape = Shape(SLOTS, FRAME_AT, cut)
    if not shape.fits:
        return
    frames = []
    for slot in range(COUNT):
        # The same headers but for what may differ: MACs, ID, TTL, addresses, ports, sequence...
        changed = bytearray(one.raw)
        changed[:12] = data.draw(st.binary(min_size=12, max_size=12))
        tail = data.draw(st.binary(min_size=16, max_size=16))
        changed[one.l4 : one.l4 + 4] = tail[:4]
        if one.protocol == 6:
            changed[one.l4 + 4 : one.l4 + 12] = tail[4:12]
            changed[one.l4 + 13] = tail[13]
        if one.version == 4:
            changed[one.l3 + 4 : one.l3 + 6] = tail[14:16]
        changed[-len(one.payload) :] = data.draw(
            st.binary(min_size=len(one.payload), max_size=len(one.payload))
        )
        frames.append(bytes(changed))
        put(slot, frames[-1])
    SEGMENTER.cut(0, COUNT, shape)
    for number, frame in enumerate(frames):
        assert split(shape, 64, first=number) == plainly(frame, shape)
    if shape.is_even:
        one_after_the_other = [row for frame in frames for row in plainly(frame, shape)]
        assert split(shape, 64, count=COUNT) == one_after_the_other


def test_runs_are_as_equal_as_can_be_and_fit_one_send() -> None:
    from tests.frames import IP, TCP, frame
    from vtep.wire.virtio import GSO_TCPV4, NEEDS_CSUM, VirtioHeader

    raw = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / TCP() / bytes(47 * 1398 - 500))
    cut = plan(memoryview(raw), VirtioHeader(NEEDS_CSUM, GSO_TCPV4, 54, 1398, 34, 16), 1450)
    assert cut is not None
    shape = Shape(SLOTS, FRAME_AT, cut)
    put(0, raw)
    SEGMENTER.cut(0, 1, shape)
    runs = SEGMENTER.datagrams(shape, 0, 1, 64)
    assert [-(-len(run) // shape.row_len) for run in runs] == [24, 23]
    assert max(map(len, runs)) <= 65507
