"""A datagram that came alone: the short path delivers what the batch would deliver."""

from typing import Any

import pytest

from tests.frames import ARP, ICMP, IP, TCP, UDP, IPv6, frame
from tests.memory import PEER_1, make, pseudo_sum, receive
from tests.unit.test_encap_gso import bulk
from vtep.dataplane.worker import Worker
from vtep.wire import ip, virtio, vxlan
from vtep.wire.slot import FRAME_AT, UDP_AT

V4, V6 = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF"), IPv6(src="fd00::1", dst="fd00::2")


def arriving(
    worker: Worker, data: bytes, sender: str = PEER_1, *, is_alone: bool = False, now: float = 0.0
) -> bytes | None:
    """Return what is delivered of a datagram without a batch."""
    slot = worker.pool.large.views[0]
    end = FRAME_AT + len(data)
    slot[UDP_AT:end] = vxlan.pack(100) + data
    worker.begin_batch(now)
    delivery = worker.decap.decapsulate_one(slot, end, sender, is_alone=is_alone)
    return None if delivery is None else b"".join(delivery.parts)


def seen(network: Any, octets: int, *, partial: bool, flags: str = "A") -> bytes:
    if partial:
        return bulk(octets, network, flags=flags)
    return frame(inner=network / TCP(sport=5201, dport=7, flags=flags) / bytes(octets))


@pytest.mark.parametrize("network", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("octets", "partial"), [(0, True), (0, False), (1000, True), (5000, True), (62000, True)]
)
def test_a_frame_that_cannot_be_joined_is_delivered_as_in_a_batch(
    network: Any, octets: int, partial: bool
) -> None:
    data = seen(network, octets, partial=partial)
    worker, _, overlay = make()
    assert arriving(worker, data) is None  # of no flow that is known
    [delivery] = receive(worker, data)
    for number in (2, 3):
        assert arriving(worker, data) == bytes(delivery.parts[0])
        assert overlay.traffic.rx_frames == number
    assert arriving(worker, data, sender="192.0.2.1") is None
    assert overlay.traffic.rx_bytes == 3 * len(data)


@pytest.mark.parametrize(
    "inner",
    [
        V4 / TCP(flags="PA") / b"data",
        V4 / UDP(sport=1, dport=2) / b"data",
        V6 / UDP(sport=1, dport=2) / b"data",
        V4 / ICMP() / b"ping",
    ],
    ids=["TCP", "UDP", "UDP over IPv6", "ICMP"],
)
def test_on_an_idle_link_any_known_flow_is_delivered(inner: Any) -> None:
    worker, _, _ = make()
    data = frame(inner=inner)
    [delivery] = receive(worker, data)
    assert arriving(worker, data, is_alone=True) == bytes(delivery.parts[0]) == bytes(10) + data


@pytest.mark.parametrize(
    ("octets", "partial", "flags"),
    [(1000, False, "A"), (5000, False, "A"), (0, False, "S"), (0, True, "S")],
    ids=["a segment", "finished and long", "SYN", "partial SYN"],
)
def test_a_frame_that_may_be_joined_or_changed_goes_through_the_batch(
    octets: int, partial: bool, flags: str
) -> None:
    data = seen(V4, octets, partial=partial, flags=flags)
    worker, _, overlay = make()
    assert len(receive(worker, data)) == 1
    assert arriving(worker, data) is None
    assert overlay.traffic.rx_frames == 1


def test_partial_and_finished_frames_of_one_flow_are_not_confused() -> None:
    worker, _, _ = make()
    unfinished, finished = seen(V4, 0, partial=True), seen(V4, 0, partial=False)
    receive(worker, unfinished)
    for _ in range(2):
        made = arriving(worker, unfinished), arriving(worker, finished)
        assert made == (
            virtio.pack(virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 16)) + unfinished,
            bytes(10) + finished,
        )


def test_a_partial_udp_checksum_is_described() -> None:
    worker, _, _ = make()
    data = bytearray(frame(inner=V4 / UDP(sport=1, dport=2) / bytes(100)))
    data[40:42] = pseudo_sum(data, ip.UDP).to_bytes(2, "big")
    receive(worker, bytes(data))
    header = virtio.pack(virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 6))
    assert arriving(worker, bytes(data), is_alone=True) == header + bytes(data)


def test_a_removed_peer_delivers_nothing_more() -> None:
    worker, _, overlay = make()
    data = seen(V4, 5000, partial=True)
    receive(worker, data)
    assert arriving(worker, data) is not None
    overlay.remove_peer(overlay.peers[PEER_1])
    assert arriving(worker, data) is None
    assert receive(worker, data) == []


@pytest.mark.parametrize("is_alone", [False, True])
def test_a_frame_that_gets_a_tag_goes_through_the_batch(is_alone: bool) -> None:
    worker, _, _ = make(vlan=10)
    data = seen(V4, 5000, partial=True)
    assert len(receive(worker, data)) == 1
    assert arriving(worker, data, is_alone=is_alone) is None


def test_a_frame_without_a_flow_goes_through_the_batch() -> None:
    worker, _, _ = make()
    data = frame(inner=ARP())
    receive(worker, data)
    assert arriving(worker, data, is_alone=True) is None


@pytest.mark.parametrize("length", range(8, 140))
def test_a_frame_cut_short_goes_through_the_batch(length: int) -> None:
    worker, _, _ = make()
    data = seen(V4, 0, partial=False)
    receive(worker, data)
    if length < len(data):
        assert arriving(worker, data[:length], is_alone=True) is None
