"""Draw random GSO frames, and compute checksums slowly and simply as a reference."""

import struct
from dataclasses import dataclass

from hypothesis import strategies as st

from vtep.wire import ip, virtio
from vtep.wire.virtio import VirtioHeader

TAGS = [b"", bytes.fromhex("81000064"), bytes.fromhex("88a8000281000003")]


@dataclass(frozen=True)
class DrawnFrame:
    """A GSO frame, and the offsets of its parts as its builder knows them."""

    raw: bytes
    header: VirtioHeader
    version: int
    protocol: int
    l3: int
    l4: int
    payload_at: int

    @property
    def payload(self) -> bytes:
        return self.raw[self.payload_at :]

    @property
    def overhead(self) -> int:
        """Octets of the IP packet before the payload."""
        return self.payload_at - self.l3


def add_words(buf: bytes) -> int:
    """Return the ones' complement sum, word by word as in RFC 1071 section 1."""
    total = 0
    for (word,) in struct.iter_unpack(">H", buf + bytes(len(buf) & 1)):
        total += word
        if total > 0xFFFF:
            total = (total & 0xFFFF) + 1
    return total


def transport_sum(version: int, l3: int, l4: int, protocol: int, frame: bytes) -> int:
    """Sum pseudo header, transport header and payload: 0xffff if the checksum is right."""
    addresses = frame[l3 + 12 : l3 + 20] if version == 4 else frame[l3 + 8 : l3 + 40]
    return add_words(addresses + struct.pack(">IHH", len(frame) - l4, 0, protocol) + frame[l4:])


@st.composite
def ip_headers(draw: st.DrawFn, version: int, protocol: int, length: int) -> bytes:
    """Draw an IP header with options or extension headers, for `length` octets of transport."""
    if version == 4:
        options = draw(st.sampled_from([0, 0, 4, 40]))
        header = struct.pack(
            ">BBHHHBBH8s",
            0x45 + options // 4,
            draw(st.integers(0, 255)),
            20 + options + length,
            draw(st.integers(0, 0xFFFF)),
            draw(st.sampled_from([0, 0x4000])),
            draw(st.integers(1, 255)),
            protocol,
            0,
            draw(st.binary(min_size=8, max_size=8)),
        )
        header += b"\x01" * options
        return header[:10] + struct.pack(">H", 0xFFFF - add_words(header)) + header[12:]
    kinds = draw(st.lists(st.sampled_from([0, 60]), max_size=3))
    chain = b""
    following = protocol
    for kind in kinds:
        octets = draw(st.sampled_from([8, 16]))
        chain = bytes([following, octets // 8 - 1, 1, octets - 4]) + bytes(octets - 4) + chain
        following = kind
    label = 6 << 28 | draw(st.integers(0, 0xFFFFFFF))
    addresses = draw(st.binary(min_size=32, max_size=32))
    payload_length = len(chain) + length
    return struct.pack(">IHBB", label, payload_length, following, 64) + addresses + chain


@st.composite
def transport_headers(draw: st.DrawFn, protocol: int, payload: int) -> bytes:
    """Draw a TCP (with options) or UDP header whose checksum field is zero."""
    ports = draw(st.integers(0, 0xFFFFFFFF))
    if protocol == ip.UDP:
        return struct.pack(">IHH", ports, 8 + payload, 0)
    options = draw(st.sampled_from([0, 0, 12, 40]))
    return (
        struct.pack(
            ">IIIBBHHH",
            ports,
            draw(st.integers(0, 0xFFFFFFFF)),
            draw(st.integers(0, 0xFFFFFFFF)),
            5 + options // 4 << 4 | draw(st.integers(0, 1)),
            draw(st.integers(0, 255)),
            draw(st.integers(0, 0xFFFF)),
            0,
            draw(st.integers(0, 0xFFFF)),
        )
        + b"\x01" * options
    )


@st.composite
def gso_frames(draw: st.DrawFn) -> DrawnFrame:
    """Draw a TCP or UDP GSO frame with its virtio header, as read from a TAP."""
    version = draw(st.sampled_from([4, 6]))
    protocol = draw(st.sampled_from([ip.TCP, ip.UDP]))
    # A short random pattern, repeated, gives long payloads that are cheap to draw and to shrink.
    pattern = draw(st.binary(min_size=1, max_size=64))
    length = draw(st.integers(1, 3000))
    payload = (pattern * (length // len(pattern) + 1))[:length]
    transport = draw(transport_headers(protocol, len(payload)))
    link = draw(st.binary(min_size=12, max_size=12)) + draw(st.sampled_from(TAGS))
    link += b"\x08\x00" if version == 4 else b"\x86\xdd"
    network = draw(ip_headers(version, protocol, len(transport) + len(payload)))
    l3, l4 = len(link), len(link) + len(network)
    field = 16 if protocol == ip.TCP else 6
    frame = bytearray(link + network + transport + payload)
    pseudo = transport_sum(version, l3, l4, protocol, bytes(frame[:l4]) + bytes(len(frame) - l4))
    struct.pack_into(">H", frame, l4 + field, pseudo)
    kind = virtio.GSO_UDP_L4
    if protocol == ip.TCP:
        kind = virtio.GSO_TCPV4 if version == 4 else virtio.GSO_TCPV6
        kind |= draw(st.sampled_from([0, virtio.GSO_ECN]))
    hint = draw(st.integers(0, 0xFFFF))
    size = draw(st.integers(max(1, length // 60), length + 10))
    header = VirtioHeader(virtio.NEEDS_CSUM, kind, hint, size, l4, field)
    return DrawnFrame(bytes(frame), header, version, protocol, l3, l4, l4 + len(transport))
