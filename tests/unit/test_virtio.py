import struct

import pytest

from vtep.wire import virtio
from vtep.wire.virtio import VirtioHeader


def test_a_header_is_parsed_at_its_offset_in_a_slot() -> None:
    slot = bytearray(6) + struct.pack("=BBHHHH", 1, 4, 74, 1378, 54, 16) + b"frame"
    header = virtio.parse(memoryview(slot), 6)
    assert header == VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV6, 74, 1378, 54, 16)


def test_a_packed_header_is_parsed_again() -> None:
    header = VirtioHeader(3, 0x85, 0xFFFF, 0xFFFE, 0x1234, 0x5678)
    packed = virtio.pack(header)
    assert len(packed) == virtio.HEADER_LEN
    assert virtio.parse(packed) == header
    assert virtio.pack(virtio.PLAIN) == bytes(virtio.HEADER_LEN)


def test_a_truncated_header_raises() -> None:
    with pytest.raises(struct.error):
        virtio.parse(bytes(9))


def test_a_tunnel_header_has_24_octets_with_the_offsets_at_the_end() -> None:
    header = VirtioHeader(9, 0x21, 104, 1398, 84, 16)
    packed = virtio.pack_tunnel(header, outer_l4=34, inner_l3=64)
    assert len(packed) == virtio.TUNNEL_HEADER_LEN
    assert virtio.parse(packed) == header
    assert packed[10:] == bytes(10) + bytes.fromhex("22004000")
