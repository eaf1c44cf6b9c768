"""What is told of a frame is what happened to it."""

import errno

import pytest

from tests.frames import BROADCAST, IP, MAC_A, MAC_B, MAC_C, TCP, UDP, frame, mac
from tests.memory import PEER_1, PEER_2, PEERS, make, put, receive, send, slots_of, worker_of
from vtep.dataplane.counters import Drop
from vtep.dataplane.decap import Delivery, count_undelivered
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.fdb import Change, Destination
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Transmit, count_unsent
from vtep.dataplane.worker import Worker
from vtep.trace import outcome as observe
from vtep.trace.outcome import Outcome
from vtep.wire import ip, virtio, vxlan
from vtep.wire.slot import TAP_AT, UDP_AT

PORTS = range(50000, 50064)
TCP_SUPER = IP(src="10.1.0.1", dst="10.1.0.2", flags="DF") / TCP(flags="A") / bytes(3000)


def out(worker: Worker, port: AccessPort, data: bytes, now: float = 0.0, **header: int) -> Outcome:
    raw = virtio.pack(virtio.PLAIN._replace(**header)) + data
    slots, number = put(slots_of(worker), TAP_AT, raw, is_small=False)
    return observe.outbound(worker, port, (slots, number, TAP_AT + len(raw)), now, ports=PORTS)


def into(
    worker: Worker, datagram: bytes, sender: str = PEER_1, now: float = 0.0, size: int = 0
) -> Outcome:
    slots, number = put(slots_of(worker), UDP_AT, datagram, is_small=False)
    message = Message(slots, number, UDP_AT + len(datagram), sender, size or len(datagram))
    return observe.inbound(worker, message, now, port=60001)


def test_a_known_mac_is_told_with_its_age() -> None:
    worker, port, overlay = make(source_ports=64)
    receive(worker, frame(src=MAC_B, dst=MAC_A), PEER_2, now=1.0)
    told = out(worker, port, frame(), now=4.0)
    assert (told.way, told.tap, told.vni) == ("out", "vx0", 100)
    assert (told.decision, told.peers, told.age) == ("unicast", (PEER_2,), 3.0)
    assert (told.source, told.source_before) == ("learned", None)
    [datagram] = told.datagrams
    assert datagram.payload == vxlan.pack(100) + frame()
    assert (datagram.peer, datagram.segments) == (PEER_2, 1)
    assert datagram.port in PORTS
    assert told.frames == ((virtio.PLAIN, frame()),)
    assert told.drops == ()
    assert overlay.traffic.tx_frames == 1
    again = out(worker, port, frame(), now=5.0)
    assert (again.source, again.source_before, again.age) == ("refreshed", "local", 4.0)


@pytest.mark.parametrize(
    ("destination", "decision"),
    [
        (BROADCAST, "broadcast"),
        ("01:00:5e:00:00:01", "multicast"),
        (MAC_B, "unknown_unicast"),
    ],
)
def test_a_flooded_frame_is_told_once_for_each_peer(destination: str, decision: str) -> None:
    worker, port, _ = make()
    told = out(worker, port, frame(dst=destination))
    assert (told.decision, told.peers, told.age) == (decision, (PEER_1, PEER_2), None)
    assert [one.peer for one in told.datagrams] == [PEER_1, PEER_2]


def test_what_goes_nowhere_is_told_with_its_reason() -> None:
    worker, port, _ = make(peers=[])
    assert out(worker, port, frame()[:9]).drops == ((Drop.RUNT, 1),)
    assert out(worker, port, frame()[:9]).vni is None
    assert out(worker, port, frame()).drops == ((Drop.NO_PEER, 1),)
    assert out(worker, port, frame()).decision == "dropped"
    out(worker, port, frame(src=MAC_B))
    local = out(worker, port, frame(dst=MAC_B))
    assert (local.decision, local.drops) == ("local", ((Drop.LOCAL_DESTINATION, 1),))


def test_the_outcome_of_a_gso_frame_has_all_its_datagrams() -> None:
    worker, port, overlay = make()
    bulk = frame(inner=TCP_SUPER)
    told = out(
        worker,
        port,
        bulk,
        flags=virtio.NEEDS_CSUM,
        gso_type=virtio.GSO_TCPV4,
        gso_size=1000,
        hdr_len=54,
        csum_start=34,
        csum_offset=16,
    )
    assert [one.peer for one in told.datagrams] == [PEER_1] * 3 + [PEER_2] * 3
    assert {len(one.payload) for one in told.datagrams} == {8 + 54 + 1000}
    assert told.frames[0][0].gso_size == 1000
    assert overlay.flooded == {"unknown_unicast": 3}  # frames, each once
    assert overlay.traffic.tx_frames == 6


def test_what_arrives_is_told_with_who_sent_it_and_what_it_taught() -> None:
    worker, port, _ = make()
    told = into(worker, vxlan.pack(100) + frame())
    assert (told.way, told.tap, told.vni, told.decision) == ("in", "vx0", 100, "delivered")
    assert (told.source, told.source_before, told.peers) == ("learned", None, (PEER_1,))
    assert told.datagrams == ((PEER_1, 60001, vxlan.pack(100) + frame(), 1),)
    assert told.frames == ((virtio.PLAIN, frame()),)
    moved = into(worker, vxlan.pack(100) + frame(), PEER_2)
    assert (moved.source, moved.source_before) == ("moved", PEER_1)
    assert out(worker, port, frame(dst=MAC_A, src=MAC_C)).peers == (PEER_2,)


@pytest.mark.parametrize(
    ("datagram", "sender", "reason", "vni"),
    [
        (b"", PEER_1, Drop.SHORT, None),
        (bytes(8) + frame(), PEER_1, Drop.BAD_FLAGS, None),
        (vxlan.pack(7) + frame(), PEER_1, Drop.UNKNOWN_VNI, None),
        (vxlan.pack(100) + frame(), "10.9.9.9", Drop.UNKNOWN_PEER, 100),
        (vxlan.pack(100) + frame(vlan=3), PEER_1, Drop.INNER_VLAN, 100),
    ],
)
def test_what_may_not_pass_is_told_with_its_reason(
    datagram: bytes, sender: str, reason: Drop, vni: int | None
) -> None:
    worker, _, _ = make()
    told = into(worker, datagram, sender)
    assert (told.decision, told.drops, told.vni) == ("dropped", ((reason, 1),), vni)
    assert told.frames == ()


def test_merged_datagrams_are_told_one_by_one() -> None:
    worker, _, _ = make()
    datagram = vxlan.pack(100) + frame()
    told = into(worker, datagram * 3, size=len(datagram))
    assert [one.payload for one in told.datagrams] == [datagram] * 3
    assert [data for _, data in told.frames] == [frame()] * 3


def test_a_gso_frame_of_a_kernel_peer_is_one_datagram() -> None:
    worker, _, _ = make()
    inner = IP(src="10.1.0.1", dst="10.1.0.2") / UDP(sport=1, dport=2, chksum=0) / bytes(1200)
    whole = bytearray(frame(inner=inner))
    headers = ip.locate(whole)
    assert headers is not None
    total = ip.address_sum(whole, headers) + headers.protocol + headers.end - headers.l4
    whole[40:42] = ((total - 1) % 0xFFFF + 1).to_bytes(2, "big")  # as left to the hardware
    datagram = vxlan.pack(100) + bytes(whole)
    told = into(worker, datagram, size=600)
    assert [one.payload for one in told.datagrams] == [datagram]
    assert [len(data) for _, data in told.frames] == [len(whole)]


def test_merged_datagrams_of_several_overlays_are_told_apart() -> None:
    _, _, overlay = make()
    other = Overlay(vni=7, port=AccessPort("vx7", mac(MAC_C)), peers=PEERS, mtu=1450)
    worker = worker_of([overlay, other])
    of_100, of_7 = vxlan.pack(100) + frame(), vxlan.pack(7) + frame()
    lost, short = vxlan.pack(8) + frame(), vxlan.pack(7) + frame(inner=b"")[:20]
    whole = lost + of_100 + of_100 + of_7 + short
    slots, number = put(slots_of(worker), UDP_AT, whole, is_small=False)
    message = Message(slots, number, UDP_AT + len(whole), PEER_1, len(lost))
    told = [observe.inbound(worker, part, 0.0) for part in observe.split_by_vni(message)]
    assert [(one.tap, one.vni, one.decision) for one in told] == [
        (None, None, "dropped"),
        ("vx0", 100, "delivered"),
        ("vx7", 7, "delivered"),
    ]
    assert [[one.payload for one in outcome.datagrams] for outcome in told] == [
        [lost],
        [of_100, of_100],
        [of_7, short],
    ]
    assert [len(one.frames) for one in told] == [0, 2, 2]
    assert told[0].drops == ((Drop.UNKNOWN_VNI, 1),)


def test_what_the_kernel_refuses_is_told_as_dropped() -> None:
    worker, port, _ = make(peers=PEERS[:1])

    def refuse(transmit: Transmit) -> None:
        count_unsent(transmit, transmit.next_hop.peers[0], Drop.SOCKET_FULL)

    raw = virtio.pack(virtio.PLAIN) + frame()
    slots, number = put(slots_of(worker), TAP_AT, raw, is_small=False)
    told = observe.outbound(worker, port, (slots, number, TAP_AT + len(raw)), 0.0, refuse)
    assert (told.decision, told.datagrams, told.peers) == ("dropped", (), (PEER_1,))
    assert told.drops == ((Drop.SOCKET_FULL, 1),)
    datagram = vxlan.pack(100) + frame(src=MAC_C)
    slots, number = put(slots_of(worker), UDP_AT, datagram * 2, is_small=False)
    message = Message(slots, number, UDP_AT + 2 * len(datagram), PEER_1, len(datagram))
    errors = [0, errno.EAGAIN]

    def write(delivery: Delivery) -> None:
        if error := errors.pop():
            count_undelivered(delivery, error)

    told = observe.inbound(worker, message, 0.0, write)
    assert (told.decision, len(told.frames), told.drops) == ("delivered", 1, ((Drop.TAP_FULL, 1),))
    errors += [errno.EAGAIN] * 2
    told = observe.inbound(worker, message, 0.0, write)
    assert (told.decision, told.frames, told.drops) == ("dropped", (), ((Drop.TAP_FULL, 2),))


def test_sending_and_delivering_are_the_callers() -> None:
    worker, port, overlay = make()
    sent, delivered = [], []
    raw = virtio.pack(virtio.PLAIN) + frame()
    slots, number = put(slots_of(worker), TAP_AT, raw, is_small=False)

    def refuse(transmit: Transmit) -> None:
        sent.append(transmit.octets)
        for peer in transmit.next_hop.peers:
            count_unsent(transmit, peer, Drop.SOCKET_FULL)

    place = (slots, number, TAP_AT + len(raw))
    told = observe.outbound(worker, port, place, 0.0, refuse)
    assert sent == [8 + 60]
    assert told.drops == ((Drop.SOCKET_FULL, 2),)

    def write(delivery: Delivery) -> None:
        delivered.append(delivery.overlay)
        count_undelivered(delivery, 11)

    datagram = vxlan.pack(100) + frame(src=MAC_C)
    slots, number = put(slots_of(worker), UDP_AT, datagram, is_small=False)
    end = UDP_AT + len(datagram)
    told = observe.inbound(worker, Message(slots, number, end, PEER_1, len(datagram)), 0.0, write)
    assert delivered == [overlay]
    assert told.drops == ((Drop.TAP_FULL, 1),)


def test_the_fdb_and_the_overlay_tell_of_what_is_new() -> None:
    worker, port, overlay = make(ageing=10.0, max_address=2)
    told: list[Change] = []
    unknown: list[bytes] = []
    overlay.fdb.on_change = told.append
    overlay.on_flood = unknown.append
    send(worker, port, frame())
    receive(worker, frame(src=MAC_B))
    receive(worker, frame(src=MAC_B), PEER_2)
    receive(worker, frame(src=MAC_C))
    receive(worker, frame(src=MAC_B), PEER_2, now=11.0)
    worker.vtep.expire(11.0)
    assert [(one.kind, one.mac, _name(one.destination), _name(one.before)) for one in told] == [
        ("learned", mac(MAC_A), "local", None),
        ("learned", mac(MAC_B), PEER_1, None),
        ("moved", mac(MAC_B), PEER_2, PEER_1),
        ("refused", mac(MAC_C), PEER_1, None),
        ("expired", mac(MAC_B), None, PEER_2),
        ("learned", mac(MAC_B), PEER_2, None),
        ("expired", mac(MAC_A), None, "local"),
    ]
    assert unknown == [mac(MAC_B)]


def _name(destination: Destination | None) -> str | None:
    return destination.name if destination is not None else None
