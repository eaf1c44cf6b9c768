"""Envelopes and halves for any frame: what the kernel will make of them is what we would have."""

from hypothesis import given
from hypothesis import strategies as st

from tests.property.superframes import SuperFrame, super_frames
from vtep.offload.inject import Envelope
from vtep.offload.segment import complete_checksum, halve, plan, segment
from vtep.wire import virtio, vxlan
from vtep.wire.checksum import ones_sum
from vtep.wire.outer import Outer
from vtep.wire.virtio import VirtioHeader

MAC = bytes.fromhex("0200000000aa")


@st.composite
def outers(draw: st.DrawFn) -> Outer:
    size = draw(st.sampled_from([4, 16]))
    source, destination = (draw(st.binary(min_size=size, max_size=size)) for _ in range(2))
    port = draw(st.integers(0, 65535))
    return Outer(MAC, source, destination, port, 4789, draw(st.integers(1, 254)))


def finished(packet: bytes) -> bytes:
    """What the kernel does with a write that is no super-frame: finish the checksum it names."""
    header = virtio.parse(packet)
    frame = bytearray(packet[virtio.TUNNEL_HEADER_LEN :])
    if header.flags & virtio.NEEDS_CSUM:
        assert complete_checksum(memoryview(frame), header)
    return bytes(frame)


def udp_sum(outer: Outer, frame: bytes) -> int:
    """Sum of the pseudo header and all it stands for: 0xffff when the checksum is right."""
    datagram = frame[outer.udp_at :]
    pseudo = outer.source + outer.destination + len(datagram).to_bytes(4, "big") + b"\x00\x11"
    return ones_sum(pseudo + datagram + bytes(len(datagram) & 1))


@given(outers(), super_frames(), st.integers(0, vxlan.MAX_VNI))
def test_a_begun_frame_gets_both_checksums_right(outer: Outer, drawn: SuperFrame, vni: int) -> None:
    header = drawn.header._replace(gso_type=virtio.GSO_NONE, gso_size=0)
    front = Envelope(outer, vxlan.pack(vni)).frame(memoryview(drawn.raw), header)
    assert front is not None
    made = finished(front + drawn.raw)
    assert udp_sum(outer, made) == 0xFFFF
    inner = bytearray(drawn.raw)
    assert complete_checksum(memoryview(inner), header)
    assert made[outer.udp_at + 8 :] == vxlan.pack(vni) + inner


@given(outers(), st.binary(min_size=14, max_size=1500))
def test_a_finished_frame_gets_its_outer_checksum(outer: Outer, frame: bytes) -> None:
    front = Envelope(outer, vxlan.pack(100)).frame(memoryview(frame), virtio.PLAIN)
    assert front is not None
    made = finished(front + frame)
    assert udp_sum(outer, made) == 0xFFFF
    assert made[outer.udp_at + 16 :] == frame


@given(
    outers(),
    st.binary(max_size=200),
    st.builds(
        VirtioHeader,
        st.just(1),
        st.just(0),
        st.just(0),
        st.just(0),
        st.integers(0, 300),
        st.integers(0, 300),
    ),
)
def test_offsets_that_point_nowhere_are_refused_and_never_raise(
    outer: Outer, frame: bytes, header: VirtioHeader
) -> None:
    front = Envelope(outer, vxlan.pack(100)).frame(memoryview(frame), header)
    assert (front is not None) == (
        header.csum_start + header.csum_offset + 2 <= len(frame) and header.csum_start % 2 == 0
    )


@given(super_frames())
def test_the_halves_become_the_segments_of_the_whole(drawn: SuperFrame) -> None:
    whole = plan(memoryview(drawn.raw), drawn.header, 65535)
    if whole is None or whole.rows < 2:
        return
    rows = []
    for half in halve(memoryview(drawn.raw), whole):
        cut = plan(half, drawn.header._replace(gso_size=whole.size), 65535)
        assert cut is not None
        rows += segment(memoryview(half), cut, b"")
    assert rows == segment(memoryview(drawn.raw), whole, b"")
