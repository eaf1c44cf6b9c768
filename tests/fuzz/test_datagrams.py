"""Send 10,000 malformed datagrams to a running daemon: all are counted, and traffic continues.

The expected drop of each datagram is computed here, by a separate parser of the header.
"""

import random
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.frames import ARP, BROADCAST, MAC_C, frame
from tests.netns.tunnels import tunnel
from vtep.lab import Daemon, Host, ping, two_hosts, wait_until

pytestmark = pytest.mark.netns

VNI = 100
TOTAL = 10_000
UNKNOWN = "10.0.1.99"
CHUNK = 500
"""Datagrams sent before the daemon must have counted them: a burst must fit its buffer."""

HEADER = bytes.fromhex("0800000000006400")
VALID = HEADER + frame(src=MAC_C, dst=BROADCAST, inner=ARP(psrc="172.18.0.99", pdst="172.18.0.98"))
RESERVED = [bit for bit in range(64) if bit != 4 and not 32 <= bit < 56]


def malformed() -> Iterator[tuple[bool, bytes]]:
    """Yield TOTAL pairs (from an unknown sender, datagram), all kinds in turn."""
    number = random.Random(7348)
    for _ in range(TOTAL // 100):
        for length in number.sample(range(len(VALID)), 20):
            yield False, VALID[:length]
        for _ in range(30):
            yield False, number.randbytes(number.randrange(1500))
        for bit in number.sample(RESERVED, 20):
            yield False, flipped(VALID, bit)
        for _ in range(10):
            yield False, HEADER[:4] + number.randbytes(3) + b"\0" + VALID[8:]
        yield False, flipped(VALID, 4)
        for source in (bytes(6), b"\xff" * 6, b"\x01" + number.randbytes(5)):
            yield False, VALID[:14] + source + VALID[20:]
        for tag in (b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05"):
            yield False, VALID[:20] + tag + VALID[20:]
        for _ in range(14):
            yield True, VALID + number.randbytes(number.randrange(100))


def flipped(datagram: bytes, bit: int) -> bytes:
    """Return *datagram* with bit number *bit* of its VXLAN header inverted."""
    changed = bytearray(datagram)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def expected(unknown: bool, datagram: bytes) -> str:
    """Return the expected drop by RFC 7348 section 5, without the code under test."""
    if len(datagram) < 8:
        return "short"
    if not datagram[0] & 0x08:
        return "bad_flags"
    if datagram[4:7] != VNI.to_bytes(3, "big"):
        return "unknown_vni"
    if unknown:
        return "unknown_peer"
    if len(datagram) < 8 + 14:
        return "runt"
    if datagram[14] & 1 or datagram[14:20] == bytes(6):
        return "invalid_source"
    if datagram[20:22] in (b"\x81\x00", b"\x88\xa8") and len(datagram) >= 8 + 18:
        return "inner_vlan"
    return "delivered"


def observed(daemon: Daemon) -> Counter[str]:
    """Return what the daemon counted for its received datagrams."""
    tree = daemon.counters()
    overlay = tree["overlays"][str(VNI)]
    drops = Counter(tree["underlay"]["drops"]) + Counter(overlay["drops"])
    drops["delivered"] = overlay["rx_frames"]
    del drops["local_destination"]
    return drops


def test_10_000_malformed_datagrams_are_counted_by_reason() -> None:
    with two_hosts() as lab, tunnel(lab.h1, lab.h2) as first:
        lab.h2.ip("address", "add", f"{UNKNOWN}/24", "dev", lab.h2.device)
        datagrams = list(malformed())
        assert len(datagrams) == TOTAL
        sent = {datagram for _, datagram in datagrams}
        assert sent >= {VALID[:length] for length in range(len(VALID))}
        assert sent >= {flipped(VALID, bit) for bit in RESERVED}
        wanted: Counter[str] = Counter()
        with bound(lab.h2, lab.h2.address) as known, bound(lab.h2, UNKNOWN) as unknown:
            for start in range(0, TOTAL, CHUNK):
                for foreign, datagram in datagrams[start : start + CHUNK]:
                    sender = unknown if foreign else known
                    sender.sendto(datagram, (lab.h1.address, 4789))
                    wanted[expected(foreign, datagram)] += 1
                wait_until(
                    lambda: observed(first).total() >= wanted.total(),
                    what=f"{wanted.total()} datagrams to be counted",
                    seen=lambda: observed(first),
                )
        assert observed(first) == wanted
        assert len(wanted) == 8
        overlay = first.counters()["overlays"][str(VNI)]
        assert overlay["reserved_bits"] >= 2000
        with tunnel(lab.h2, lab.h1):
            assert ping(lab.c1, lab.c2.address, count=5).received == 5
        assert "Traceback" not in first.stderr


def bound(host: Host, address: str) -> socket.socket:
    sender = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((address, 0))
    return sender
