"""trace.outer_headers: the IP packet around a datagram, rebuilt."""

import ipaddress

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.frames import frame
from vtep.trace.outcome import Sent
from vtep.trace.outer_headers import OuterRebuilder, Source, kernel_source
from vtep.wire import vxlan


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


DATAGRAM = vxlan.pack(100) + frame()


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize(
    ("peer", "local"), [("10.0.1.41", "10.0.1.4"), ("fe80::1%3", "fe80::2"), ("fd00::1", "fd00::2")]
)
def test_scapy_builds_the_same_headers(peer: str, local: str, is_sent: bool) -> None:
    rebuilder = OuterRebuilder(4789, lambda _: Source(packed(local), 61))
    packet = rebuilder.packet(Sent(peer, 50007, bytes(2)), bytes(2), is_sent=is_sent)
    sum_is_zero = packet[-4:-2]  # which would say that there is none, so it is written as 0xffff
    for payload in (DATAGRAM, b"", b"\x01" * 1451, sum_is_zero):
        packet = rebuilder.packet(Sent(peer, 50007, payload), payload, is_sent=is_sent)
        ends = {"src": local, "dst": peer.partition("%")[0]}
        if not is_sent:
            ends = {"src": ends["dst"], "dst": ends["src"]}
        ttl = 61 if is_sent else 64
        headers = IPv6(**ends, hlim=ttl) if ":" in peer else IP(**ends, ttl=ttl, id=0, flags="DF")
        assert packet == bytes(headers / UDP(sport=50007, dport=4789) / payload)


def test_the_source_for_a_peer_is_looked_up_once() -> None:
    peers: list[str] = []

    def source_of(peer: str) -> Source:
        peers.append(peer)
        return Source(packed("10.0.1.4"), 64)

    rebuilder = OuterRebuilder(4789, source_of)
    for _ in range(3):
        rebuilder.packet(Sent("10.0.1.41", 1, b""), b"", is_sent=True)
    for number in range(2000):
        rebuilder.packet(Sent(f"10.1.{number >> 8}.{number & 255}", 1, b""), b"", is_sent=False)
    assert len(peers) == 2001


@pytest.mark.parametrize(
    ("local", "dev", "source"),
    [
        (None, None, "127.0.0.1"),
        ("127.0.0.2", None, "127.0.0.2"),
        (None, "no-device", "0.0.0.0"),
    ],
)
def test_the_kernel_knows_the_source_for_a_peer(
    local: str | None, dev: str | None, source: str
) -> None:
    found = kernel_source(local, dev, fallback="0.0.0.0")("127.0.0.1")
    assert found == Source(packed(source), 64)


def test_a_peer_without_a_route_has_the_fallback_source() -> None:
    source_of = kernel_source(None, None, fallback="fe80::2")
    assert source_of("fe80::1%no-device") == Source(packed("fe80::2"), 64)
