"""What leaves is what the plain way makes of each frame alone, in the order of its flow.

Whatever a batch holds: GSO frames of several flows and layouts, short ones and long ones, single
frames between them, in any order.
"""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.flows import by_flow
from tests.frames import ARP, IP, TCP, UDP, IPv6, frame
from tests.memory import PEERS, Transport, datagrams, encapsulate, make
from tests.segmenting import segmented
from vtep.wire import ip, virtio, vxlan
from vtep.wire.virtio import VirtioHeader

PREFIX = vxlan.pack(100)
MTU = 1450

Frame = tuple[bytes, VirtioHeader]


@st.composite
def bulk(draw: st.DrawFn) -> Frame:
    """Draw a TCP or UDP GSO frame of one of a few flows."""
    protocol = draw(st.sampled_from([ip.TCP, ip.UDP]))
    version = draw(st.sampled_from([4, 6]))
    network = (
        IP(src="172.18.0.11", dst="172.18.0.12", flags=draw(st.sampled_from(["DF", 0])), id=7)
        if version == 4
        else IPv6(src="fd00::11", dst="fd00::12")
    )
    ports = {"sport": draw(st.integers(1, 2)), "dport": 5001}
    size = draw(st.sampled_from([50, 536, 1300]))
    length = size * draw(st.integers(1, 8)) + draw(st.sampled_from([0, 0, 1, 33]))
    transport = (
        TCP(seq=draw(st.integers(0, 2**32 - 1)), flags=draw(st.sampled_from(["A", "PA"])), **ports)
        if protocol == ip.TCP
        else UDP(**ports)
    )
    payload = (draw(st.binary(min_size=16, max_size=16)) * (length // 16 + 1))[:length]
    raw = bytearray(frame(inner=network / transport / payload))
    found = ip.locate(raw)
    assert found is not None
    field = found.l4 + ip.CHECKSUM_AT[protocol]
    partial = ip.pseudo_header_sum(raw, found, found.end - found.l4)
    raw[field : field + 2] = partial.to_bytes(2, "big")
    kind = virtio.GSO_UDP_L4
    if protocol == ip.TCP:
        kind = virtio.GSO_TCPV4 if version == 4 else virtio.GSO_TCPV6
    checksum_at = ip.CHECKSUM_AT[protocol]
    return bytes(raw), VirtioHeader(virtio.NEEDS_CSUM, kind, 0, size, found.l4, checksum_at)


@st.composite
def single(draw: st.DrawFn) -> Frame:
    """Draw a finished frame of the same flows, or of none."""
    network = IP(src="172.18.0.11", dst="172.18.0.12")
    ports = {"sport": draw(st.integers(1, 2)), "dport": 5001}
    inner = draw(
        st.sampled_from([network / TCP(flags="A", **ports), network / UDP(**ports), ARP()])
    )
    return frame(inner=inner / bytes(draw(st.integers(0, 40)))), virtio.PLAIN


def plainly(raw: bytes, header: VirtioHeader) -> list[bytes]:
    if header.gso_type == virtio.GSO_NONE:
        return [raw]
    rows = segmented(memoryview(raw), header, MTU, b"")
    assert rows is not None
    return [bytes(row) for row in rows]


@given(st.lists(bulk() | single(), min_size=1, max_size=16), st.sampled_from([1, 5, 64]))
def test_a_batch_leaves_as_each_frame_alone(batch: Sequence[Frame], most: int) -> None:
    worker, port, overlay = make(clamp_mss=False, mtu=MTU, peers=PEERS[:1])
    worker.vtep.use_transport(Transport(max_segments=most))
    transmits = encapsulate(worker, port, batch, 0.0)
    sent = datagrams(transmits)
    expected = [row for raw, header in batch for row in plainly(raw, header)]
    assert all(datagram.startswith(PREFIX) for datagram in sent)
    assert by_flow([datagram[len(PREFIX) :] for datagram in sent]) == by_flow(expected)
    assert all(transmit.datagrams <= most for transmit in transmits)
    assert sum(transmit.datagrams for transmit in transmits) == len(expected)
    assert overlay.traffic.tx_frames == len(expected)
    assert overlay.traffic.tx_bytes == sum(map(len, expected))


@given(st.lists(bulk(), min_size=2, max_size=12))
def test_one_lane_keeps_the_order_of_all_its_flows(batch: Sequence[Frame]) -> None:
    worker, port, _ = make(clamp_mss=False, mtu=MTU, peers=PEERS[:1])
    sent = datagrams(encapsulate(worker, port, batch, 0.0))
    expected = [PREFIX + row for raw, header in batch for row in plainly(raw, header)]
    assert sent == expected  # with one source port the order is total
