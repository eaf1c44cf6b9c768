"""What somebody else sent decides nothing about others: stale rows, wrong lengths, hidden flows."""

from tests.frames import IP, TCP, UDP, IPv6, frame, mac
from tests.memory import (
    PEER_1,
    PEERS,
    TAP_MAC,
    datagrams,
    decapsulate,
    delivered,
    encapsulate,
    make,
    receive,
    send,
    worker_of,
)
from vtep.dataplane.counters import Drop
from vtep.dataplane.decap import Delivery
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.wire import ip, virtio, vxlan

HEADER = vxlan.pack(100)
V4 = IP(src="172.18.0.11", dst="172.18.0.12", flags="DF")
V6 = IPv6(src="fd00::11", dst="fd00::12")
SUPER = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1400, 34, 16)


def udp(payload: bytes) -> bytes:
    return HEADER + frame(inner=V4 / UDP(sport=1, dport=2) / payload)


def contents(deliveries: list[Delivery]) -> bytes:
    return b"".join(bytes(part) for one in deliveries for part in one.parts)


def test_a_span_never_runs_on_into_what_an_earlier_batch_left() -> None:
    worker, _, overlay = make()
    one = udp(b"g" * 800)
    stranger = udp(b"E" * 800)
    decapsulate(worker, [(stranger * 10, "192.0.2.1", len(stranger))] * 2, 0.0)
    assert overlay.drops == {Drop.UNKNOWN_PEER: 20}
    out = decapsulate(worker, [(one * 10, PEER_1, len(one)), (one * 4, PEER_1, len(one))], 1.0)
    assert b"EEEE" not in contents(out)
    assert contents(out).count(b"g" * 800) == overlay.traffic.rx_frames == 14


def test_a_length_that_a_guest_wrote_takes_no_datagram_of_another_vni_along() -> None:
    ports = [AccessPort(name, mac(TAP_MAC)) for name in ("vx0", "vx1")]
    red, blue = (
        Overlay(vni=vni, port=port, peers=PEERS, mtu=1450)
        for vni, port in zip((100, 200), ports, strict=True)
    )
    worker = worker_of([red, blue])
    evil = bytearray(udp(b"e" * 500))
    secret = vxlan.pack(200) + udp(b"SECRET" * 83 + b"!!")[8:]
    assert len(evil) == len(secret)
    evil[24:26] = (2 * len(evil) - 8 - 14).to_bytes(2, "big")
    out = decapsulate(worker, [(bytes(evil) + secret, PEER_1, len(evil))], 0.0)
    assert [(one.overlay.vni, b"SECRET" in contents([one])) for one in out] == [
        (100, False),
        (200, True),
    ]


def test_a_message_that_may_be_one_inner_gso_packet_is_ambiguous() -> None:
    worker, _, _ = make()
    whole = bytearray(frame(inner=V4 / UDP(sport=1, dport=2) / bytes(2000)))
    found = ip.locate(whole)
    assert found is not None
    partial = ip.pseudo_header_sum(whole, found, found.end - found.l4)
    whole[found.l4 + 6 : found.l4 + 8] = partial.to_bytes(2, "big")
    message = bytearray(HEADER + whole)
    assert len(decapsulate(worker, [(bytes(message), PEER_1, 1000)], 0.0)) == 1
    message[1000:1008] = HEADER
    assert decapsulate(worker, [(bytes(message), PEER_1, 1000)], 0.0) == []
    assert worker.vtep.drops == {Drop.AMBIGUOUS: 1}


def test_a_first_frame_with_wrong_lengths_says_nothing_of_its_flow() -> None:
    worker, port, overlay = make()
    bad = bytearray(frame(inner=V4 / TCP(sport=1, dport=2, flags="A")))
    bad[16:18] = (2000).to_bytes(2, "big")
    send(worker, port, bytes(bad))
    receive(worker, bytes(bad))
    bulk = bytearray(frame(inner=V4 / TCP(sport=1, dport=2, flags="A") / bytes(5000)))
    assert len(datagrams(send(worker, port, bytes(bulk), SUPER))) == 4
    syn = frame(inner=V4 / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1460)]))
    assert delivered(receive(worker, syn)) != [syn]
    assert overlay.clamped == 1
    assert not overlay.drops


def test_another_traffic_class_does_not_overtake_what_waits() -> None:
    worker, _, _ = make()
    rows = [
        frame(
            inner=V6 / TCP(sport=1, dport=2, flags="A", seq=number * 1000) / (b"%d" % number * 1000)
        )
        for number in range(2)
    ]
    other = V6.copy()
    other.tc = 0xB8
    last = frame(inner=other / TCP(sport=1, dport=2, flags="A", seq=2000) / (b"2" * 500))
    out = decapsulate(worker, [(HEADER + one, PEER_1, 0) for one in (*rows, last)], 0.0)
    assert [contents([one])[-1:] for one in out] == [b"1", b"2"]


def test_what_hides_its_flow_is_joined_and_not_overtaken() -> None:
    worker, _, _ = make()
    hidden = V4.copy()
    hidden.options = b"\x01" * 4
    rows = [
        frame(inner=hidden / TCP(sport=1, dport=2, flags="A", seq=n * 1000) / (b"%d" % n * 1000))
        for n in range(2)
    ]
    last = frame(inner=V4 / TCP(sport=1, dport=2, flags="A", seq=2000) / (b"2" * 500))
    out = decapsulate(worker, [(HEADER + one, PEER_1, 0) for one in (*rows, last)], 0.0)
    assert contents(out).find(b"1" * 1000) < contents(out).find(b"2" * 500)


def test_a_fragment_is_written_as_it_came() -> None:
    worker, _, _ = make()
    whole = bytearray(frame(inner=V4 / TCP(sport=1, dport=2, flags="A")))
    found = ip.locate(whole)
    assert found is not None
    partial = ip.pseudo_header_sum(whole, found, found.end - found.l4)
    whole[50:52] = partial.to_bytes(2, "big")
    whole[20:22] = (0x2000 | 100).to_bytes(2, "big")
    [delivery] = receive(worker, bytes(whole))
    assert virtio.parse(delivery.parts[0]) == virtio.PLAIN


def test_padding_is_never_joined_as_payload() -> None:
    worker, _, _ = make(trust=True)
    full = HEADER + frame(inner=V4 / TCP(sport=1, dport=2, flags="A", seq=0) / bytes([65] * 100))
    short = HEADER + frame(inner=V4 / TCP(sport=1, dport=2, flags="A", seq=100) / bytes([65] * 60))
    padded = short + b"PAD!" * 10
    batch = [(short * 2, PEER_1, len(short)), (full + padded, PEER_1, len(full))]
    for one in decapsulate(worker, batch, 0.0):
        data = contents([one])
        assert b"PAD!" not in data[: 10 + 14 + int.from_bytes(data[26:28], "big")]


def test_a_later_gso_frame_does_not_overtake_a_fragment() -> None:
    worker, port, _ = make(source_ports=64, peers=PEERS[:1])
    fragment = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12", frag=5, proto=17) / bytes(900))
    for number in range(1, 30):
        bulk = bytearray(frame(inner=V4 / TCP(sport=number, dport=2, flags="A") / bytes(5000)))
        partial = ip.pseudo_header_sum(bulk, ip.locate(bulk), len(bulk) - 34)  # type: ignore[arg-type]
        bulk[50:52] = partial.to_bytes(2, "big")
        batch = [(fragment, virtio.PLAIN), (bytes(bulk), SUPER)]
        sent = datagrams(encapsulate(worker, port, batch, float(number)))
        assert sent[0][8:] == fragment
