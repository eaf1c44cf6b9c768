"""What is written beside a frame, and the headers that are built around it."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.frames import MAC_A, MAC_B, frame
from vtep.dataplane.counters import Drop
from vtep.trace.filters import Bounds, Selection, read
from vtep.trace.outcome import Decision, Outcome, Sent
from vtep.trace.outer_headers import Outside, Way, ask_kernel
from vtep.trace.sentence import sentence
from vtep.wire import virtio, vxlan

PEERS = tuple(f"10.0.1.{number}" for number in range(41, 51))
SUPER = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1000, 34, 16)
DATAGRAM = vxlan.pack(100) + frame()


def outcome(decision: Decision, **changes: object) -> Outcome:
    """Return what became of a frame that was sent to one peer, with changes."""
    usual: dict[str, object] = {
        "way": "out",
        "tap": "vx0",
        "vni": 100,
        "frames": ((virtio.PLAIN, frame()),),
        "datagrams": (Sent("10.0.1.41", 50000, DATAGRAM),),
        "source": "refreshed",
        "source_before": "local",
        "decision": decision,
        "peers": ("10.0.1.41",),
        "age": None,
        "drops": (),
    }
    return Outcome(**(usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (outcome("unicast", age=3.04), "unicast: FDB hit, age 3.0 s, to 10.0.1.41"),
        (
            outcome("broadcast", peers=PEERS[:2], source="learned", source_before=None),
            f"broadcast: flooded to 10.0.1.41, 10.0.1.42; source {MAC_A} learned on vx0",
        ),
        (
            outcome("multicast", peers=PEERS),
            f"multicast: flooded to {', '.join(PEERS[:8])} and 2 more",
        ),
        (
            outcome("unknown_unicast", source="moved", source_before="10.0.1.42"),
            f"unknown unicast: flooded to 10.0.1.41; source {MAC_A} moved from 10.0.1.42 to vx0",
        ),
        (
            outcome("delivered", way="in", source="moved"),
            f"from 10.0.1.41: delivered to vx0; source {MAC_A} moved from vx0 to 10.0.1.41",
        ),
        (
            outcome(
                "dropped",
                frames=((SUPER, frame()),),
                datagrams=(),
                drops=((Drop.SOCKET_FULL, 3),),
            ),
            f"dropped: socket_full: {Drop.SOCKET_FULL.meaning} (3 times); "
            "super-frame, checksum left to the tunnel",
        ),
        (
            outcome("delivered", way="in", source="refused", source_before=None),
            f"from 10.0.1.41: delivered to vx0; source {MAC_A} not learned: the FDB is full",
        ),
        (
            outcome("dropped", drops=((Drop.NO_PEER, 1),), datagrams=(), peers=()),
            "dropped: no_peer: the frame is to be flooded, and no peer is configured",
        ),
        (
            outcome("local", drops=((Drop.LOCAL_DESTINATION, 1),), datagrams=(), peers=()),
            "not sent: local_destination: the destination is on our own side of the tunnel",
        ),
        (
            outcome("unicast", drops=((Drop.SOCKET_FULL, 2),)),
            "unicast: FDB hit, to 10.0.1.41; "
            "lost 2: socket_full: the UDP socket's send buffer is full",
        ),
        (
            outcome("dropped", way="in", datagrams=(Sent("10.9.9.9", 1, b""),), frames=()),
            "dropped: it went nowhere",
        ),
    ],
)
def test_a_decision_is_told_in_one_line(told: Outcome, line: str) -> None:
    assert sentence(told) == line


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize(
    ("peer", "local"), [("10.0.1.41", "10.0.1.4"), ("fe80::1%3", "fe80::2"), ("fd00::1", "fd00::2")]
)
def test_headers_are_built_as_another_builds_them(peer: str, local: str, is_sent: bool) -> None:
    outside = Outside(4789, lambda _: Way(local, 61))
    begun = outside.packet(Sent(peer, 50007, bytes(2)), bytes(2), is_sent=is_sent)
    sum_is_zero = begun[-4:-2]  # which would say that there is none, so it is written as 0xffff
    for payload in (DATAGRAM, b"", b"\x01" * 1451, sum_is_zero):
        packet = outside.packet(Sent(peer, 50007, payload), payload, is_sent=is_sent)
        ends = {"src": local, "dst": peer.partition("%")[0]}
        if not is_sent:
            ends = {"src": ends["dst"], "dst": ends["src"]}
        ttl = 61 if is_sent else 64
        headers = IPv6(**ends, hlim=ttl) if ":" in peer else IP(**ends, ttl=ttl, id=0, flags="DF")
        assert packet == bytes(headers / UDP(sport=50007, dport=4789) / payload)


def test_the_way_to_a_peer_is_asked_once_and_the_kernel_knows_it() -> None:
    asked: list[str] = []

    def way_to(peer: str) -> Way:
        asked.append(peer)
        return Way("10.0.1.4", 64)

    outside = Outside(4789, way_to)
    for _ in range(3):
        outside.packet(Sent("10.0.1.41", 1, b""), b"", is_sent=True)
    for number in range(2000):
        outside.packet(Sent(f"10.1.{number >> 8}.{number & 255}", 1, b""), b"", is_sent=False)
    assert len(asked) == 2001
    assert ask_kernel("127.0.0.1", None, None, "0.0.0.0").local == "127.0.0.1"
    assert ask_kernel("127.0.0.1", "10.0.1.4", None, "0.0.0.0").local == "10.0.1.4"
    assert ask_kernel("127.0.0.1", None, "no-device", "0.0.0.0") == Way("0.0.0.0", 64)


def test_the_options_of_a_capture_are_read() -> None:
    assert read({}) == (Selection(), Bounds())
    selection, bounds = read(
        {"mac": "02-00-00-00-00-0B", "peer": "fe80:0::1%u1", "count": "3", "seconds": "1.5"}
    )
    assert selection == Selection(mac=bytes.fromhex("02000000000b"), peer="fe80::1%u1")
    assert (bounds.count, bounds.seconds, bounds.snaplen) == (3, 1.5, 262_144)
    assert Selection(mac=bytes.fromhex("02000000000b")).takes(outcome("unicast"))
    assert MAC_B == "02:00:00:00:00:0b"
    assert not Selection(mac=bytes(6)).takes(outcome("unicast"))
