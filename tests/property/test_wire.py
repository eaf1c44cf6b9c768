"""Properties of the header code for arbitrary bytes."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.gso_frames import (
    TAGS,
    DrawnFrame,
    add_words,
    gso_frames,
    ip_headers,
    transport_sum,
)
from vtep.dataplane.mss import clamp_mss
from vtep.wire import checksum, ethernet, ip, virtio, vxlan

words = st.integers(0, 0xFFFF)
ETHERTYPES = [b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x88\xa8", b"\x08\x06"]
VERSIONS = [b"\x45", b"\x46", b"\x4f", b"\x60", b"\x44"]


@st.composite
def nearly_ip(draw: st.DrawFn) -> bytes:
    """Draw random bytes after an ethertype of IP, so most pass the first checks."""
    link = bytes(12) + draw(st.sampled_from(TAGS)) + draw(st.sampled_from(ETHERTYPES))
    body = draw(st.sampled_from(VERSIONS)) + draw(st.binary(max_size=160))
    if draw(st.booleans()):
        # A length that may be right, and extension headers that may be known.
        short = draw(st.integers(0, len(body)))
        at = 2 if body[0] >> 4 == 4 else 4
        body = body[:at] + struct.pack(">H", short) + body[at + 2 :]
    if draw(st.booleans()):
        body = body[:6] + draw(st.sampled_from([b"\x00", b"\x2c", b"\x3c", b"\x06"])) + body[7:]
    return link + body


@given(st.integers(0, vxlan.MAX_VNI), words)
def test_any_vni_is_packed_and_parsed_with_any_reserved_bits(vni: int, noise: int) -> None:
    header = bytearray(vxlan.pack(vni))
    assert vxlan.parse(header) == vni
    header[1:3] = struct.pack(">H", noise)
    assert vxlan.parse(header) == vni
    assert vxlan.reserved_bits(header) == (noise != 0)


@given(st.binary(max_size=40), st.integers(0, 40))
def test_vxlan_parse_accepts_any_bytes(raw: bytes, at: int) -> None:
    vni = vxlan.parse(raw, at)
    whole = raw[at : at + 8]
    assert (vni is not None) == (len(whole) == 8 and bool(whole[0] & 8))
    if vni is not None:
        assert vni == int.from_bytes(whole[4:7], "big")


@given(st.binary(max_size=300))
@example(bytes(3))
@example(b"\xff" * 9)
@example(b"\x80\x00\x7f\xff")
def test_ones_sum_is_the_sum_of_words(raw: bytes) -> None:
    assert checksum.ones_sum(raw) == add_words(raw)


@given(st.lists(words, min_size=2, max_size=9), words, st.data())
def test_an_updated_checksum_equals_a_computed_one(
    content: list[int], new: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(content) - 1))
    before = checksum.complement(add_words(struct.pack(f">{len(content)}H", *content)))
    old, content[index] = content[index], new
    total = add_words(struct.pack(f">{len(content)}H", *content))
    updated = checksum.update(before, old, new)
    # The words and the new field verify: the sum is 0xffff, or 0 if all octets are 0.
    assert (total + updated) % 0xFFFF == 0
    if total and any(content):
        assert updated == checksum.complement(total) or {updated, total} <= {0, 0xFFFF}


@given(st.binary(max_size=200) | nearly_ip())
def test_locate_accepts_any_bytes_and_returns_offsets_inside(raw: bytes) -> None:
    found = ip.locate(memoryview(raw))
    if found is not None:
        assert found.version in (4, 6)
        assert 14 <= found.l3 < found.l4 <= found.end <= len(raw)
        assert raw[found.l3] >> 4 == found.version
        assert 1 <= ip.pseudo_header_sum(raw, found, found.end - found.l4) <= 0xFFFF


@given(gso_frames(), st.binary(max_size=30))
def test_locate_finds_the_headers_as_built(one: DrawnFrame, padding: bytes) -> None:
    found = ip.locate(one.raw + padding)
    assert found == (one.version, one.l3, one.l4, len(one.raw), one.protocol, False)


@given(gso_frames())
def test_pseudo_header_sum_is_the_transport_sum_of_an_empty_packet(one: DrawnFrame) -> None:
    found = ip.locate(one.raw)
    assert found is not None
    bare = bytes(one.raw[: one.l4]) + bytes(len(one.raw) - one.l4)
    expected = transport_sum(one.version, one.l3, one.l4, one.protocol, bare)
    assert ip.pseudo_header_sum(one.raw, found, len(one.raw) - one.l4) == expected


@given(st.binary(min_size=14, max_size=80), st.integers(1, 4094), st.integers(0, 20))
def test_an_inserted_tag_is_found_and_popped(raw: bytes, vid: int, room: int) -> None:
    tag = ethernet.pack_tag(vid)
    assert tag == b"\x81\x00" + struct.pack(">H", vid)
    slot = memoryview(bytearray(room) + raw[:12] + tag + raw[12:])
    assert ethernet.vlan_id(slot, room) == vid
    assert ethernet.pop_tag(slot, room) == room + 4
    assert slot[room + 4 :] == raw


@given(st.binary(max_size=40), st.integers(0, 40))
def test_vlan_id_accepts_any_bytes(raw: bytes, at: int) -> None:
    vid = ethernet.vlan_id(raw, at)
    tagged = raw[at + 12 : at + 14] in (b"\x81\x00", b"\x88\xa8") and len(raw) - at >= 18
    assert (vid is not None) == tagged


@given(st.binary(min_size=6, max_size=6))
def test_a_formatted_mac_is_parsed_again(mac: bytes) -> None:
    assert ethernet.parse_mac(ethernet.format_mac(mac)) == mac


@given(st.binary(min_size=10, max_size=30), st.data())
def test_a_parsed_virtio_header_is_packed_again(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw) - virtio.HEADER_LEN))
    assert virtio.pack(virtio.parse(raw, at)) == raw[at : at + 10]


@st.composite
def options(draw: st.DrawFn) -> bytes:
    """Draw well-formed TCP options with an MSS at any offset, even or odd."""
    before = b"\x01" * draw(st.integers(0, 9))
    mss = b"\x02\x04" + struct.pack(">H", draw(words))
    after = draw(
        st.sampled_from([b"", b"\x04\x02", b"\x03\x03\x07", b"\x00" + b"\x02\x04\xff\xff"])
    )
    whole = before + mss + after
    return whole + bytes(-len(whole) % 4)


@st.composite
def syns(draw: st.DrawFn, content: st.SearchStrategy[bytes]) -> tuple[bytearray, ip.Headers]:
    """Draw a SYN or SYN/ACK with a correct checksum and `content` as its options."""
    version = draw(st.sampled_from([4, 6]))
    body = draw(content)
    flags = draw(st.sampled_from([0x02, 0x12, 0xC2]))
    tcp = struct.pack(">8xIBBHHH", 0, 5 + len(body) // 4 << 4, flags, 64240, 0, 0) + body
    tcp += draw(st.binary(max_size=5))
    link = bytes(12) + draw(st.sampled_from(TAGS)) + ETHERTYPES[0 if version == 4 else 1]
    frame = bytearray(link + draw(ip_headers(version, ip.TCP, len(tcp))) + tcp)
    l4 = len(frame) - len(tcp)
    total = transport_sum(version, len(link), l4, ip.TCP, bytes(frame))
    struct.pack_into(">H", frame, l4 + 16, checksum.complement(total))
    return frame, ip.Headers(version, len(link), l4, len(frame), ip.TCP, False)


@given(syns(options()), st.integers(576, 9000))
def test_clamping_keeps_a_valid_checksum_valid(syn: tuple[bytearray, ip.Headers], mtu: int) -> None:
    frame, headers = syn
    before = bytes(frame)
    at = before.index(b"\x02\x04", headers.l4 + 20) + 2
    (announced,) = struct.unpack_from(">H", before, at)
    limit = mtu - (40 if headers.version == 4 else 60)
    changed = clamp_mss(memoryview(frame), headers, mtu, partial=False)
    assert changed == (announced > limit)
    assert struct.unpack_from(">H", frame, at) == (min(announced, limit),)
    total = transport_sum(headers.version, headers.l3, headers.l4, ip.TCP, bytes(frame))
    assert total == 0xFFFF
    mine = {at, at + 1, headers.l4 + 16, headers.l4 + 17}
    assert all(a == b for i, (a, b) in enumerate(zip(before, frame, strict=True)) if i not in mine)
    assert not clamp_mss(memoryview(frame), headers, mtu, partial=False)


@given(syns(options()), st.integers(576, 9000))
def test_clamping_does_not_change_a_partial_checksum(
    syn: tuple[bytearray, ip.Headers], mtu: int
) -> None:
    frame, headers = syn
    field = bytes(frame[headers.l4 + 16 : headers.l4 + 18])
    clamp_mss(memoryview(frame), headers, mtu, partial=True)
    assert frame[headers.l4 + 16 : headers.l4 + 18] == field


@given(syns(st.integers(0, 10).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))))
def test_clamping_any_options_terminates_and_keeps_the_checksum(
    syn: tuple[bytearray, ip.Headers],
) -> None:
    frame, headers = syn
    clamp_mss(memoryview(frame), headers, 576, partial=False)
    total = transport_sum(headers.version, headers.l3, headers.l4, ip.TCP, bytes(frame))
    assert total == 0xFFFF


@given(nearly_ip(), st.booleans())
def test_clamping_any_bytes_never_raises(raw: bytes, partial: bool) -> None:
    frame = bytearray(raw)
    found = ip.locate(frame)
    if found is not None:
        changed = clamp_mss(frame, found._replace(protocol=ip.TCP), 576, partial)
        assert changed == (frame != raw)
