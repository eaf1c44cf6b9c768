"""Recognise partial checksums and GSO frames of a kernel peer; give their virtio header."""

from typing import Any

import pytest

from tests.frames import IP, TCP, UDP, IPv6, frame
from vtep.offload import partial
from vtep.wire import ip, virtio

V4 = IP(src="172.18.0.11", dst="172.18.0.12")
V6 = IPv6(src="fd00::11", dst="fd00::12")


def with_partial_checksum(inner: Any) -> tuple[memoryview, ip.Headers]:
    """Return a frame whose L4 checksum is the pseudo-header sum, and its headers."""
    data = memoryview(bytearray(frame(inner=inner)))
    headers = ip.locate(data)
    assert headers is not None
    at = headers.l4 + (16 if headers.protocol == ip.TCP else 6)
    total = ip.pseudo_header_sum(data, headers, headers.end - headers.l4)
    data[at : at + 2] = total.to_bytes(2, "big")
    return data, headers


@pytest.mark.parametrize("network", [V4, V6])
@pytest.mark.parametrize("transport", [TCP() / b"data", UDP() / b"data"])
def test_a_partial_checksum_is_distinguished_from_a_complete_one(
    network: Any, transport: Any
) -> None:
    data, found = with_partial_checksum(network / transport)
    assert partial.is_partial(data, found, ip.address_sum(data, found))
    complete = memoryview(frame(inner=network / transport))
    headers = ip.locate(complete)
    assert headers is not None
    assert not partial.is_partial(complete, headers, ip.address_sum(complete, headers))


def test_a_packet_without_a_tcp_or_udp_checksum_is_never_partial() -> None:
    for inner in (V4.copy() / b"payload", IP(proto=6, frag=5) / bytes(40), IP(proto=6) / bytes(5)):
        data = memoryview(frame(inner=inner))
        headers = ip.locate(data)
        assert headers is not None
        assert not partial.is_partial(data, headers, ip.address_sum(data, headers))


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (V4 / TCP() / b"data", (1, 0, 0, 0, 34, 16)),
        (V4 / UDP() / b"data", (1, 0, 0, 0, 34, 6)),
        (V6 / TCP() / b"data", (1, 0, 0, 0, 54, 16)),
        (V4 / TCP(options=[("Timestamp", (1, 2))]) / bytes(9000), (1, 1, 66, 1398, 34, 16)),
        (V6 / TCP() / bytes(9000), (1, 4, 74, 1390, 54, 16)),
    ],
)
def test_the_virtio_header_describes_checksum_and_segmentation(
    inner: Any, expected: tuple[int, ...]
) -> None:
    assert partial.virtio_header_for(*with_partial_checksum(inner), max_packet=1450) == expected


def test_a_udp_packet_above_the_mtu_has_no_virtio_header() -> None:
    assert (
        partial.virtio_header_for(*with_partial_checksum(V4 / UDP() / bytes(9000)), max_packet=1450)
        is None
    )


def test_a_gso_frame_with_a_wrong_tcp_header_has_no_virtio_header() -> None:
    data, headers = with_partial_checksum(V4 / TCP() / bytes(9000))
    data[headers.l4 + 12] = 0x10
    assert partial.virtio_header_for(data, headers, max_packet=1450) is None


def test_shifting_moves_the_offsets_and_leaves_a_plain_header_plain() -> None:
    header = virtio.VirtioHeader(1, 1, 54, 1398, 34, 16)
    assert partial.shift(header, 4) == (1, 1, 58, 1398, 38, 16)
    assert partial.shift(header, 0) is header
    assert partial.shift(virtio.PLAIN, 4) is virtio.PLAIN
