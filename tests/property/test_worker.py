"""What holds for any frame and any datagram: nothing raises, nothing is lost without a name."""

from hypothesis import given
from hypothesis import strategies as st

from tests.frames import frame, mac
from tests.memory import PEER_1, datagrams, delivered, joined, receive_raw, send, worker_of
from vtep.dataplane.counters import Drop
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.worker import Worker
from vtep.wire import virtio, vxlan

HEADERS = st.builds(
    virtio.VirtioHeader,
    st.integers(0, 255),
    st.sampled_from([0, 1, 3, 4, 5, 0x81, 0xFF]),
    *[st.integers(0, 0xFFFF)] * 4,
)
FRAMES = st.one_of(
    st.binary(max_size=200),
    st.binary(min_size=46, max_size=1600).map(lambda tail: frame()[:14] + tail),
    st.binary(max_size=3000).map(lambda tail: frame()[:12] + b"\x08\x00\x45\x00" + tail),
    st.binary(max_size=3000).map(lambda tail: frame()[:12] + b"\x81\x00\x00\x0a" + tail),
)


def make() -> tuple[Worker, AccessPort]:
    port = AccessPort("vx0", mac("02:ff:ff:ff:ff:01"))
    overlays = [
        Overlay(vni=vni, vlan=vlan, port=port, peers=[(PEER_1, (PEER_1, 4789))], mtu=1450)
        for vni, vlan in ((100, None), (1010, 10))
    ]
    return worker_of(overlays), port


def dropped(worker: Worker) -> int:
    counted = worker.vtep.drops.total()
    for overlay in worker.vtep.overlays.values():
        counted += overlay.drops.total()
    return counted


@given(st.lists(st.tuples(FRAMES, HEADERS), max_size=4))
def test_every_frame_from_the_tap_is_sent_or_counted(
    batch: list[tuple[bytes, virtio.VirtioHeader]],
) -> None:
    worker, port = make()
    for data, header in batch:
        before = dropped(worker) + port.drops.total()
        transmits = send(worker, port, data, header)
        assert bool(transmits) != (dropped(worker) + port.drops.total() > before)
        for transmit in transmits:
            for datagram in datagrams([transmit]):
                assert len(datagram) <= 8 + port.by_vlan[None].max_frame
                assert vxlan.parse(datagram) == transmit.next_hop.overlay.vni
                assert not vxlan.reserved_bits(datagram)


@given(st.binary(max_size=40) | FRAMES.map(lambda data: vxlan.pack(1010) + data))
def test_every_datagram_is_delivered_or_counted(datagram: bytes) -> None:
    worker, _ = make()
    deliveries = receive_raw(worker, datagram)
    assert len(deliveries) + dropped(worker) == 1


@given(st.binary(min_size=46, max_size=1400), st.sampled_from([100, 1010]))
def test_a_frame_that_went_through_two_vteps_is_the_frame_that_went_in(
    payload: bytes, vni: int
) -> None:
    worker, port = make()
    data = frame(vlan=10 if vni == 1010 else None)[:-46] + payload
    [transmit] = send(worker, port, data)
    assert transmit.next_hop.overlay.vni == vni
    far_end, _ = make()
    [delivery] = receive_raw(far_end, joined(transmit))
    assert delivered([delivery]) == [data]


@given(st.binary(max_size=60), st.integers(0, 2**64 - 1))
def test_only_the_vni_and_the_i_flag_decide_where_a_datagram_goes(
    payload: bytes, header: int
) -> None:
    worker, _ = make()
    datagram = header.to_bytes(8, "big") + frame() + payload
    deliveries = receive_raw(worker, datagram)
    if not header >> 59 & 1:
        assert worker.vtep.drops == {Drop.BAD_FLAGS: 1}
    elif header >> 8 & 0xFFFFFF not in worker.vtep.overlays:
        assert worker.vtep.drops == {Drop.UNKNOWN_VNI: 1}
    else:
        assert deliveries[0].overlay.vni == header >> 8 & 0xFFFFFF
