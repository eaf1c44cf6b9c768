import struct

import pytest

from tests.unit.test_outer import V4, V6
from tests.unit.test_segment import TCP4, TCP_FRAME, TCP_PAYLOAD_AT
from vtep.offload.inject import MAX_PAYLOAD, Envelope, Whole
from vtep.offload.segment import Cut, plan
from vtep.wire import outer, virtio, vxlan
from vtep.wire.outer import Outer

BOTH = pytest.mark.parametrize("way", [V4, V6], ids=["IPv4", "IPv6"])
DATAGRAM = vxlan.pack(100) + TCP_FRAME


def cut(gso_size: int = 40) -> Cut:
    found = plan(TCP_FRAME, TCP4._replace(gso_size=gso_size), 1450)
    assert found is not None
    return found


def parsed(front: bytes) -> tuple[virtio.VirtioHeader, int, int, bytes]:
    """The virtio header, its two further offsets, and what stands behind it."""
    outer_l4, inner_l3 = struct.unpack_from("<HH", front, 20)
    return virtio.parse(front), outer_l4, inner_l3, front[virtio.TUNNEL_HEADER_LEN :]


@BOTH
def test_a_super_frame_says_where_everything_is(way: Outer) -> None:
    front = Envelope(way).super_frame(Whole(TCP4, cut()))
    header, outer_l4, inner_l3, headers = parsed(front)
    packet = headers + DATAGRAM
    assert headers == outer.pack(way, len(DATAGRAM))
    assert header.flags == virtio.NEEDS_CSUM | virtio.UDP_TUNNEL_CSUM
    assert header.gso_type == virtio.GSO_TCPV4 | (0x20 if way is V4 else 0x40)
    assert header.gso_size == 40
    assert packet[header.hdr_len :] == TCP_FRAME[TCP_PAYLOAD_AT:]
    assert packet[header.csum_start :] == TCP_FRAME[34:]
    assert header.csum_offset == 16
    assert packet[inner_l3:] == TCP_FRAME[14:]
    assert packet[outer_l4 : outer_l4 + 4] == struct.pack(">HH", 50000, 4789)


@BOTH
def test_datagrams_in_a_row_are_cut_by_their_length(way: Outer) -> None:
    header, outer_l4, inner_l3, headers = parsed(Envelope(way).datagrams(1000, 300))
    assert headers == outer.pack(way, 1000)
    udp = len(headers) - 8
    assert header == (virtio.NEEDS_CSUM, virtio.GSO_UDP_L4, len(headers), 300, udp, 6)
    assert (outer_l4, inner_l3) == (0, 0)


@BOTH
def test_one_datagram_needs_its_checksum_only(way: Outer) -> None:
    header, outer_l4, inner_l3, headers = parsed(Envelope(way).datagrams(1000))
    assert headers == outer.pack(way, 1000)
    assert header == (virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, len(headers) - 8, 6)
    assert (outer_l4, inner_l3) == (0, 0)


@BOTH
def test_what_fits_one_packet_has_room_in_its_length_fields(way: Outer) -> None:
    assert parsed(Envelope(way).datagrams(MAX_PAYLOAD, 1000))[3] == outer.pack(way, MAX_PAYLOAD)
    if way is V4:
        with pytest.raises(ValueError, match="do not fit"):
            Envelope(way).datagrams(MAX_PAYLOAD + 1, 1000)


@pytest.mark.parametrize(("end", "fits"), [(MAX_PAYLOAD - 8, True), (MAX_PAYLOAD - 7, False)])
def test_a_whole_knows_what_becomes_of_it(end: int, fits: bool) -> None:
    headers = cut().headers._replace(end=end)
    whole = Whole(TCP4, Cut(headers, TCP_PAYLOAD_AT, 1398, one_id=False))
    payload = end - TCP_PAYLOAD_AT
    assert whole.length == end + 8
    assert whole.rows == -(-payload // 1398)
    assert whole.octets == payload + whole.rows * (8 + TCP_PAYLOAD_AT)
    assert whole.fits == fits


def test_what_is_remembered_is_bounded() -> None:
    envelope = Envelope(V4)
    for number in range(5000):
        envelope.datagrams(number + 8)
        envelope.super_frame(Whole(TCP4, cut()))
        assert len(envelope._datagrams) <= 2048
        assert len(envelope._super_frames) <= 2048


def test_a_front_is_made_once() -> None:
    envelope, whole = Envelope(V4), Whole(TCP4, cut())
    assert envelope.datagrams(100) is envelope.datagrams(100)
    assert envelope.super_frame(whole) is envelope.super_frame(whole)
    assert envelope.super_frame(whole) != envelope.super_frame(Whole(TCP4, cut(39)))
