"""The prefixes of injected packets: what they say of the datagrams behind them."""

import struct

import pytest

from tests.unit.test_outer import V4, V6
from tests.unit.test_segment import TCP4, TCP_FRAME, TCP_PAYLOAD_AT
from vtep.offload.inject import MAX_PAYLOAD, GsoFrame, GsoLayout, OuterTemplate
from vtep.wire import outer, virtio, vxlan
from vtep.wire.outer import Outer

BOTH = pytest.mark.parametrize("path", [V4, V6], ids=["IPv4", "IPv6"])
DATAGRAM = vxlan.pack(100) + TCP_FRAME
LAYOUT = GsoLayout(TCP4, 14, TCP_PAYLOAD_AT, 40)


def parsed(prefix: bytes) -> tuple[virtio.VirtioHeader, int, int, bytes]:
    """The virtio header, its two further offsets, and the outer headers."""
    outer_l4, inner_l3 = struct.unpack_from("<HH", prefix, 20)
    return virtio.parse(prefix), outer_l4, inner_l3, prefix[virtio.TUNNEL_HEADER_LEN :]


@BOTH
def test_the_prefix_of_a_gso_frame_says_where_each_header_is(path: Outer) -> None:
    prefix = OuterTemplate(path).gso_frame(GsoFrame.of(LAYOUT, len(TCP_FRAME)))
    header, outer_l4, inner_l3, headers = parsed(prefix)
    packet = headers + DATAGRAM
    assert headers == outer.pack(path, len(DATAGRAM))
    assert header.flags == virtio.NEEDS_CSUM | virtio.UDP_TUNNEL_CSUM
    assert header.gso_type == virtio.GSO_TCPV4 | (0x20 if path is V4 else 0x40)
    assert header.gso_size == 40
    assert packet[header.hdr_len :] == TCP_FRAME[TCP_PAYLOAD_AT:]
    assert packet[header.csum_start :] == TCP_FRAME[34:]
    assert header.csum_offset == 16
    assert packet[inner_l3:] == TCP_FRAME[14:]
    assert packet[outer_l4 : outer_l4 + 4] == struct.pack(">HH", 50000, 4789)


@BOTH
def test_datagrams_in_a_row_are_segmented_by_their_length(path: Outer) -> None:
    header, outer_l4, inner_l3, headers = parsed(OuterTemplate(path).datagrams(1000, 300))
    assert headers == outer.pack(path, 1000)
    udp = len(headers) - 8
    assert header == (virtio.NEEDS_CSUM, virtio.GSO_UDP_L4, len(headers), 300, udp, 6)
    assert (outer_l4, inner_l3) == (0, 0)


@BOTH
def test_one_datagram_needs_only_its_checksum(path: Outer) -> None:
    header, outer_l4, inner_l3, headers = parsed(OuterTemplate(path).datagrams(1000))
    assert headers == outer.pack(path, 1000)
    assert header == (virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, len(headers) - 8, 6)
    assert (outer_l4, inner_l3) == (0, 0)


@BOTH
def test_the_longest_packet_has_room_in_its_length_fields(path: Outer) -> None:
    template = OuterTemplate(path)
    assert parsed(template.datagrams(MAX_PAYLOAD, 1000))[3] == outer.pack(path, MAX_PAYLOAD)
    if path is V4:
        with pytest.raises(ValueError, match="too long"):
            template.datagrams(MAX_PAYLOAD + 1, 1000)


@pytest.mark.parametrize("payload", [1, 1398, 1399, 60000])
def test_a_gso_frame_knows_its_datagrams(payload: int) -> None:
    gso = GsoFrame.of(GsoLayout(TCP4, 14, TCP_PAYLOAD_AT, 1398), TCP_PAYLOAD_AT + payload)
    assert gso.length == 8 + TCP_PAYLOAD_AT + payload
    assert gso.segments == -(-payload // 1398)
    assert gso.octets == payload + gso.segments * (8 + TCP_PAYLOAD_AT)


def test_the_prefix_depends_on_length_layout_and_path() -> None:
    template = OuterTemplate(V4)
    prefixes = {
        template.gso_frame(GsoFrame.of(layout, end))
        for layout in (LAYOUT, LAYOUT._replace(size=39))
        for end in (1000, 1001)
    }
    assert len(prefixes) == 4
    for number in range(5000):  # more than are kept
        template.datagrams(number + 8)
    assert template.gso_frame(GsoFrame.of(LAYOUT, 1000)) in prefixes
