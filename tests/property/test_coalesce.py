"""Coalescing is exact: segmented again, a GSO frame gives the original datagrams in order.

Datagrams may be lost, repeated, reordered, damaged, of several flows and merged in any way. The
delivered frames are those of the datagrams. Only the IDs of packets with DF set may differ, which
have no meaning (RFC 6864).
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.flows import by_flow
from tests.frames import IP, TCP, UDP, IPv6, frame
from tests.memory import PEER_1, PEERS, decapsulate, make
from tests.property.gso_frames import add_words, transport_sum
from tests.segmenting import segmented
from vtep.dataplane.decap import Delivery
from vtep.wire import ip, virtio, vxlan

PREFIX = vxlan.pack(100)
BATCH = 16


@st.composite
def flows(draw: st.DrawFn, protocols: Sequence[int] = (ip.TCP, ip.UDP)) -> list[bytes]:
    """Draw the segments of one flow, in order, as complete frames."""
    size = draw(st.sampled_from([100, 1398, 1399]))
    count = draw(st.integers(1, 20))
    tail = draw(st.integers(1, size))
    options = draw(st.sampled_from([[], [("NOP", None), ("NOP", None), ("Timestamp", (7, 9))]]))
    flags = draw(st.sampled_from(["A", "A", "A", "PA", "FA", "EA"]))
    protocol = draw(st.sampled_from(protocols))
    transport: Any = UDP(sport=draw(st.integers(1, 3)), dport=5001)
    if protocol == ip.TCP:
        sequence = draw(st.integers(0, 2**32 - 1))
        transport = TCP(sport=draw(st.integers(1, 3)), dport=5001, seq=sequence)
        transport.options, transport.flags, transport.ack = options, flags, 1
    network = draw(
        st.sampled_from(
            [
                IP(src="172.18.0.11", dst="172.18.0.12", flags="DF"),
                IP(src="172.18.0.11", dst="172.18.0.12"),
                IPv6(src="fd00::11", dst="fd00::12"),
            ]
        )
    )
    payload = draw(st.binary(min_size=64, max_size=64)) * (count * size // 64 + 1)
    raw = frame(inner=network / transport / payload[: (count - 1) * size + tail])
    kind = virtio.GSO_UDP_L4
    if protocol == ip.TCP:
        kind = virtio.GSO_TCPV4 if isinstance(network, IP) else virtio.GSO_TCPV6
    l4 = 34 if isinstance(network, IP) else 54
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, kind, 0, size, l4, ip.CHECKSUM_AT[protocol])
    rows = segmented(memoryview(raw), header, 65535, b"")
    assert rows is not None
    return [bytes(row) for row in rows]


@st.composite
def arrivals(draw: st.DrawFn) -> list[bytes]:
    """Draw frames of a few flows as a network may deliver them."""
    drawn = draw(st.lists(flows(), min_size=1, max_size=3))
    frames = [one for flow in drawn for one in flow]
    if draw(st.booleans()):  # the flows take turns with that many frames each
        many = draw(st.integers(1, 5))
        turns = range(0, max(map(len, drawn)), many)
        frames = [one for turn in turns for flow in drawn for one in flow[turn : turn + many]]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(frames) - 1))
        match draw(st.sampled_from(["lose", "repeat", "swap", "damage"])):
            case "lose" if len(frames) > 1:
                del frames[at]
            case "repeat":
                frames.insert(at, frames[at])
            case "swap":
                frames[at], frames[at - 1] = frames[at - 1], frames[at]
            case "damage":
                damaged = bytearray(frames[at])
                damaged[draw(st.integers(12, len(damaged) - 1))] ^= draw(st.integers(1, 255))
                frames[at] = bytes(damaged)
    return frames


def messages(frames: Sequence[bytes], bounds: Sequence[int]) -> list[tuple[bytes, str, int]]:
    """Merge datagrams as UDP_GRO does: of equal length, the last of a message may be shorter."""
    merged: list[list[bytes]] = []
    for number, one in enumerate(frames):
        fits = bool(merged) and number not in bounds and len(merged[-1]) < 44
        if fits and len(merged[-1][-1]) == len(merged[-1][0]) >= len(one):
            merged[-1].append(one)
        else:
            merged.append([one])
    return [
        (
            b"".join(PREFIX + one for one in group),
            PEER_1,
            len(PREFIX + group[0]) if len(group) > 1 else 0,
        )
        for group in merged
    ]


def segmented_again(delivery: Delivery) -> list[bytes]:
    data = bytes(delivery.parts[0])
    header, raw = virtio.parse(data), data[virtio.HEADER_LEN :]
    if header.gso_type == virtio.GSO_NONE:
        return [raw]
    assert header.csum_start > 0
    rows = segmented(memoryview(raw), header, 65535, b"")
    assert rows is not None
    assert len(rows) > 1
    return [bytes(row) for row in rows]


@given(arrivals(), st.lists(st.integers(0, 60), max_size=6))
def test_frames_are_delivered_as_they_arrived_and_in_order(
    frames: list[bytes], bounds: list[int]
) -> None:
    # With a small MTU one valid checksum in 65535 looks partial, and its frame is segmented.
    worker, _, overlay = make(clamp_mss=False, mtu=9000)
    batch = messages(frames, bounds)
    deliveries = []
    for start in range(0, len(batch), BATCH):
        deliveries += decapsulate(worker, batch[start : start + BATCH], 0.0)
    dropped = overlay.drops.total()
    out = [raw for delivery in deliveries for raw in segmented_again(delivery)]
    assert len(out) + dropped == len(frames)
    if not dropped:
        assert by_flow(out, without_id=True) == by_flow(frames, without_id=True)
    assert overlay.traffic.rx_frames == len(out)
    assert overlay.traffic.rx_bytes == sum(map(len, out))


@given(flows([ip.TCP]), st.lists(st.integers(0, 20), max_size=3))
def test_several_messages_of_one_flow_with_df_set_become_one_gso_frame(
    frames: list[bytes], bounds: list[int]
) -> None:
    headers = ip.locate(frames[0])
    assert headers is not None
    is_plain_ack = all(one[headers.l4 + 13] & ~0x08 == 0x10 for one in frames)
    if (headers.version == 4 and not frames[0][20] & 0x40) or not is_plain_ack:
        return
    worker, _, _ = make()
    batch = messages(frames, bounds)
    payload = sum(len(one) - 34 for one in frames)
    if len(batch) <= BATCH and payload < 60_000:
        [delivery] = decapsulate(worker, batch, 0.0)
        raw = bytes(delivery.parts[0][virtio.HEADER_LEN :])
        found = ip.locate(raw)
        assert found is not None
        assert found.end == len(raw)
        if len(frames) > 1:
            header = virtio.parse(delivery.parts[0])
            assert header.flags == virtio.NEEDS_CSUM
            assert header.csum_start == found.l4
            partial = ip.pseudo_header_sum(raw, found, found.end - found.l4)
            assert int.from_bytes(raw[found.l4 + 16 : found.l4 + 18], "big") == partial


def test_datagrams_of_two_senders_are_not_coalesced() -> None:
    tcp = TCP(sport=1, dport=2, flags="A", ack=1)
    raw = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12", flags="DF") / tcp / bytes(2000))
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 0, 1000, 34, 16)
    rows = segmented(memoryview(raw), header, 65535, PREFIX)
    assert rows is not None
    for peers, count in (([PEER_1, PEER_1], 1), ([PEER_1, PEERS[1][0]], 2)):
        worker, _, _ = make()
        batch = [(bytes(row), peer, 0) for row, peer in zip(rows, peers, strict=True)]
        assert len(decapsulate(worker, batch, 0.0)) == count


@given(arrivals(), st.lists(st.integers(0, 60), max_size=6))
def test_trust_in_the_outer_checksum_delivers_undamaged_frames_unchanged(
    frames: list[bytes], bounds: list[int]
) -> None:
    worker, _, overlay = make(clamp_mss=False, mtu=9000, trust=True)
    batch = messages(frames, bounds)
    deliveries = []
    for start in range(0, len(batch), BATCH):
        deliveries += decapsulate(worker, batch[start : start + BATCH], 0.0)
    assert overlay.traffic.rx_frames + overlay.drops.total() == len(frames)
    if all(is_undamaged(one) for one in frames):
        out = [raw for delivery in deliveries for raw in segmented_again(delivery)]
        assert by_flow(out, without_id=True) == by_flow(frames, without_id=True)


def is_undamaged(raw: bytes) -> bool:
    """Tell whether the IP header checksum and the transport checksum of a frame are right."""
    found = ip.locate(raw)
    if found is None or found.fragment or found.protocol not in (ip.TCP, ip.UDP):
        return False
    header = raw[found.l3 : found.l4] if found.version == 4 else b"\xff\xff"
    sum_ = transport_sum(found.version, found.l3, found.l4, found.protocol, raw[: found.end])
    return add_words(header) == 0xFFFF and sum_ == 0xFFFF and found.end == len(raw)


@given(st.lists(arrivals(), min_size=2, max_size=3), st.lists(st.integers(0, 60), max_size=6))
def test_a_frame_of_an_earlier_batch_is_not_delivered_again(
    batches: list[list[bytes]], bounds: list[int]
) -> None:
    worker, _, overlay = make(clamp_mss=False, mtu=9000)
    for number, frames in enumerate(batches):
        before = overlay.traffic.rx_frames + overlay.drops.total()
        batch = messages(frames, bounds)[:BATCH]
        arrived = sum(1 if not size else -(-len(raw) // size) for raw, _, size in batch)
        out = [
            raw
            for delivery in decapsulate(worker, batch, float(number))
            for raw in segmented_again(delivery)
        ]
        dropped = overlay.drops.total()
        assert overlay.traffic.rx_frames + dropped - before == arrived
        if not dropped:
            expected = frames[:arrived]
            assert by_flow(out, without_id=True) == by_flow(expected, without_id=True)
