import struct

import pytest

from tests.unit.test_outer import V4, V6
from tests.unit.test_segment import TCP4, TCP_FRAME, TCP_PAYLOAD_AT
from vtep.offload.inject import Envelope
from vtep.offload.segment import plan
from vtep.wire import ethernet, outer, virtio, vxlan
from vtep.wire.outer import Outer

PREFIX = vxlan.pack(100)


@pytest.mark.parametrize(("way", "kind"), [(V4, 0x21), (V6, 0x41)], ids=["IPv4", "IPv6"])
def test_a_super_frame_says_where_everything_is(way: Outer, kind: int) -> None:
    cut = plan(TCP_FRAME, TCP4, 1450)
    assert cut is not None
    front = Envelope(way, PREFIX).super_frame(len(TCP_FRAME), TCP4, cut)
    frame = front[virtio.TUNNEL_HEADER_LEN :] + TCP_FRAME
    header = virtio.parse(front)
    outer_l4, inner_l3 = struct.unpack_from("<HH", front, 20)
    assert header.flags == virtio.NEEDS_CSUM | virtio.UDP_TUNNEL_CSUM
    assert (header.gso_type, header.gso_size) == (kind, 40)
    assert frame[header.hdr_len :] == TCP_FRAME[TCP_PAYLOAD_AT:]
    assert frame[header.csum_start :] == TCP_FRAME[34:]
    assert header.csum_offset == 16
    assert frame[inner_l3:] == TCP_FRAME[14:]
    assert frame[outer_l4 : outer_l4 + 4] == struct.pack(">HH", 50000, 4789)
    assert frame[: outer_l4 + 8] == outer.pack(way, len(PREFIX) + len(TCP_FRAME))
    assert frame[outer_l4 + 8 :] == PREFIX + TCP_FRAME


@pytest.mark.parametrize("way", [V4, V6], ids=["IPv4", "IPv6"])
def test_the_longest_frame_fills_one_packet(way: Outer) -> None:
    envelope = Envelope(way, PREFIX)
    front = envelope.frame(memoryview(bytes(envelope.max_frame)), virtio.PLAIN)
    assert front is not None
    packet = len(front) - virtio.TUNNEL_HEADER_LEN - ethernet.HEADER_LEN + envelope.max_frame
    assert packet == 65535 + (0 if way.is_ipv4 else 40)
    with pytest.raises(ValueError, match="do not fit"):
        envelope.frame(memoryview(bytes(envelope.max_frame + 1)), virtio.PLAIN)


def test_what_is_remembered_of_lengths_is_bounded() -> None:
    envelope = Envelope(V4, PREFIX)
    frame = memoryview(bytes(5000))
    for length in range(5000):
        envelope.frame(frame[:length], virtio.PLAIN)
        assert len(envelope._of_length) <= 2048
