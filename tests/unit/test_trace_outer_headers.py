"""trace.outer_headers: the IP packet around a datagram, rebuilt."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.frames import frame
from vtep.trace.outcome import Sent
from vtep.trace.outer_headers import Outside, Way, ask_kernel
from vtep.wire import vxlan

DATAGRAM = vxlan.pack(100) + frame()


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
