"""Datagrams counted by the kernel's IP layer, with GSO and without, over the loopback device."""

import os
import socket
import struct

import pytest

from bench.measures.arrivals import arrived, datagrams, in_pairs, in_rows

UDP_SEGMENT = 103  # include/uapi/linux/udp.h


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_gso_frame_counts_as_its_datagrams(family: socket.AddressFamily, address: str) -> None:
    with (
        socket.socket(family, socket.SOCK_DGRAM) as receiver,
        socket.socket(family, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((address, 0))
        before = arrived(os.getpid())
        size = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", 100))]
        sender.sendmsg([bytes(4000)], size, 0, receiver.getsockname())
        assert receiver.recv(4000) == bytes(100)
        assert 40 <= arrived(os.getpid()) - before < 1000  # others may use the loopback device


def test_tcp_and_icmp_are_not_datagrams_and_both_ip_versions_are() -> None:
    text = "IpExt: InOctets InNoECTPkts\nIpExt: 99 50\nTcp: InSegs\nTcp: 8\nIcmp: InMsgs\nIcmp: 2\n"
    counters = in_pairs(text) | in_rows("Ip6InNoECTPkts \t30\nIcmp6InMsgs\t 10\n")
    assert datagrams(counters) == 50 - 8 - 2 + 30 - 10
    assert datagrams({}) == 0
