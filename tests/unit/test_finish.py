"""Finish frames for a TAP without a virtio header; scapy builds the expected frames."""

import struct
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from vtep.offload.finish import finish
from vtep.wire import virtio

PAYLOAD = bytes(range(256)) * 5
NETWORKS = {4: IP(src="172.18.0.11", dst="172.18.0.12"), 6: IPv6(src="fd00::1", dst="fd00::2")}
ethers = pytest.mark.parametrize("ether", [Ether(), Ether() / Dot1Q(vlan=7)], ids=["", "tag"])


def with_partial_checksum(
    frame: bytes, l4: int, csum_at: int, protocol: int, version: int
) -> bytearray:
    """Return a frame with only the pseudo-header sum in its checksum field."""
    addresses = frame[l4 - (8 if version == 4 else 32) : l4]
    length = len(frame) - l4
    words = struct.unpack(f"!{len(addresses) // 2}H", addresses)
    total = sum(words) + protocol + length
    total = (total & 0xFFFF) + (total >> 16)
    partial = bytearray(frame)
    struct.pack_into("!H", partial, l4 + csum_at, (total & 0xFFFF) + (total >> 16))
    return partial


def with_header(header: virtio.VirtioHeader, frame: bytes) -> tuple[bytes, bytes]:
    octets = struct.pack("=BBHHHH", *header) + frame
    return octets[:60], octets[60:]


@ethers
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("transport", [TCP(sport=5, dport=6, flags="A"), UDP(sport=5, dport=6)])
def test_a_partial_checksum_is_completed(version: int, transport: Any, ether: Any) -> None:
    finished = bytes(ether / NETWORKS[version] / transport / PAYLOAD)
    l4 = len(ether) + (20 if version == 4 else 40)
    protocol, at = (6, 16) if isinstance(transport, TCP) else (17, 6)
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, l4, at)
    parts = with_header(header, bytes(with_partial_checksum(finished, l4, at, protocol, version)))
    assert finish(parts) == [bytes(virtio.HEADER_LEN) + finished]


@ethers
def test_a_gso_frame_becomes_the_segments_of_its_sender(ether: Any) -> None:
    sent = PAYLOAD * 40
    whole = bytes(ether / NETWORKS[4] / TCP(sport=5, dport=6, seq=1, flags="PA") / sent)
    l4 = len(ether) + 20
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, l4 + 20, 9000, l4, 16)
    frames = finish(with_header(header, whole))
    payloads = [bytes(Ether(frame[virtio.HEADER_LEN :])[TCP].payload) for frame in frames]
    assert b"".join(payloads) == sent
    assert [len(payload) for payload in payloads[:-1]] == [9000] * (len(payloads) - 1)
    for number, frame in enumerate(frames):
        assert frame[: virtio.HEADER_LEN] == bytes(virtio.HEADER_LEN)
        packet = Ether(frame[virtio.HEADER_LEN :])
        assert packet[TCP].seq == 1 + 9000 * number
        checksums = packet[TCP].chksum, packet[IP].chksum
        del packet[TCP].chksum, packet[IP].chksum
        again = Ether(bytes(packet))
        assert checksums == (again[TCP].chksum, again[IP].chksum)


def test_a_complete_frame_is_not_changed() -> None:
    frame = bytes(Ether() / NETWORKS[4] / UDP() / b"hello")
    header = virtio.PLAIN._replace(flags=virtio.DATA_VALID)
    assert finish(with_header(header, frame)) == [bytes(virtio.HEADER_LEN) + frame]


@pytest.mark.parametrize(
    "header",
    [
        virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_NONE, 0, 0, 60_000, 16),
        virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 0, 0, 34, 16),
    ],
)
def test_a_frame_with_an_inconsistent_virtio_header_is_dropped(header: virtio.VirtioHeader) -> None:
    frame = bytes(Ether() / NETWORKS[4] / TCP() / PAYLOAD)
    assert finish(with_header(header, frame)) == []
