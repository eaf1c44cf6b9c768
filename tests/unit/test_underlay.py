"""Underlay: a real UDP socket, on the loopback and on a veth pair."""

import errno
import os
import select
import socket
import struct

import pytest

from tests.unit.namespaces import in_private_namespaces, sh
from vtep.host.udp import BUFFER_OCTETS
from vtep.host.underlay import Underlay

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
IP_RECVERR = 11
SO_NO_CHECK = 11

both_families = pytest.mark.parametrize(
    "family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"]
)


def open_loopback(family: int) -> Underlay:
    return Underlay(family, LOOPBACK[socket.AddressFamily(family)], 0, None)


def as_socket(underlay: Underlay) -> socket.socket:
    """Return a second handle of the same socket."""
    return socket.socket(fileno=os.dup(underlay.fileno()))


def address(underlay: Underlay) -> tuple[str | int, ...]:
    with as_socket(underlay) as sock:
        found: tuple[str | int, ...] = sock.getsockname()
        return found


def receive(device: Underlay, slots: list[memoryview]) -> list[tuple[int, str, int]]:
    return [found for found in map(device.receive, zip(slots, strict=True)) if found is not None]


def buffers(count: int) -> list[memoryview]:
    return [memoryview(bytearray(65_536)) for _ in range(count)]


def wait_readable(underlay: Underlay) -> None:
    assert select.select([underlay.fileno()], [], [], 5)[0], "nothing arrived"


@both_families
def test_each_receive_returns_one_datagram_and_its_sender_until_none_is_left(family: int) -> None:
    a, b = open_loopback(family), open_loopback(family)
    slots = buffers(2)
    assert receive(b, slots) == []
    for payload in (b"one", b"three", b"seven"):
        assert a.send((memoryview(payload),), address(b)) == 0
    wait_readable(b)
    source = LOOPBACK[socket.AddressFamily(family)]
    assert receive(b, slots) == [(3, source, 0), (5, source, 0)]
    assert bytes(slots[1][:5]) == b"three"
    assert receive(b, slots) == [(5, source, 0)]
    assert receive(b, slots) == []
    a.close()
    b.close()


def test_a_pending_icmp_error_is_skipped_by_a_receive() -> None:
    a, b = open_loopback(socket.AF_INET), open_loopback(socket.AF_INET)
    with as_socket(a) as sock:
        # Linux reports such errors to an unconnected socket only with this option.
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    closed = open_loopback(socket.AF_INET)
    gone = address(closed)
    closed.close()
    assert a.send((b"to a closed port",), gone) == 0
    assert b.send((b"hello",), address(a)) == 0
    wait_readable(a)
    assert receive(a, buffers(2)) == [(5, "127.0.0.1", 0)]
    a.close()
    b.close()


def test_a_receive_with_only_a_pending_error_returns_none() -> None:
    a = open_loopback(socket.AF_INET)
    with as_socket(a) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    closed = open_loopback(socket.AF_INET)
    gone = address(closed)
    closed.close()
    assert a.send((b"to a closed port",), gone) == 0
    wait_readable(a)
    assert receive(a, buffers(1)) == []
    a.close()


def test_its_descriptor_neither_blocks_nor_is_inherited() -> None:
    a = open_loopback(socket.AF_INET)
    assert not os.get_blocking(a.fileno())
    assert not os.get_inheritable(a.fileno())
    a.close()
    a.close()


@both_families
def test_a_port_is_exclusive(family: int) -> None:
    a = open_loopback(family)
    local, port = address(a)[:2]
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is checked below
        Underlay(family, str(local), int(port), None)
    assert caught.value.errno == errno.EADDRINUSE
    a.close()


def test_an_ipv6_socket_leaves_the_port_free_for_ipv4() -> None:
    six = Underlay(socket.AF_INET6, None, 0, None)
    four = Underlay(socket.AF_INET, None, int(address(six)[1]), None)
    assert address(four)[0] == "0.0.0.0"
    six.close()
    four.close()


def test_a_missing_device_is_an_error() -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is checked below
        Underlay(socket.AF_INET, None, 0, "no-such-dev")
    assert caught.value.errno == errno.ENODEV


@in_private_namespaces
def test_its_buffers_hold_eight_mebioctets_with_the_privilege() -> None:
    a = open_loopback(socket.AF_INET)
    with as_socket(a) as sock:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            assert sock.getsockopt(socket.SOL_SOCKET, option) >= BUFFER_OCTETS


@in_private_namespaces
def test_its_buffers_are_the_largest_allowed_without_the_privilege() -> None:
    os.setuid(65534)
    a = open_loopback(socket.AF_INET)
    with as_socket(a) as sock, socket.socket(type=socket.SOCK_DGRAM) as plain:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            ours = sock.getsockopt(socket.SOL_SOCKET, option)
            assert ours >= plain.getsockopt(socket.SOL_SOCKET, option)


def veth() -> None:
    sh("ip link add v0 type veth peer name v1")
    for dev in ("v0", "v1"):
        sh(f"ip link set {dev} up")
    sh("ip address add 10.9.0.1/24 dev v0")
    sh("ip -6 address add fd00:9::1/64 dev v0 nodad")
    sh("ip neighbor add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0")
    sh("ip -6 neighbor add fd00:9::2 lladdr 02:00:00:00:00:02 dev v0")


@pytest.mark.parametrize(
    ("family", "peer", "headers"),
    [(socket.AF_INET, ("10.9.0.2", 4789), 28), (socket.AF_INET6, ("fd00:9::2", 4789), 48)],
    ids=["ipv4", "ipv6"],
)
@in_private_namespaces
def test_a_datagram_above_the_path_mtu_fails_and_is_never_fragmented(
    family: int, peer: tuple[str, int], headers: int
) -> None:
    veth()
    a = Underlay(family, None, 4789, None)
    protocol = ETH_P_IP if family == socket.AF_INET else ETH_P_IPV6
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol)) as wire:
        wire.bind(("v1", protocol))
        wire.settimeout(5)
        assert a.send((bytes(1501 - headers),), peer) == errno.EMSGSIZE
        assert a.send((bytes(1500 - headers),), peer) == 0
        while len(packet := wire.recv(2000)) < 1000:
            pass  # neighbor discovery by the kernel
    assert len(packet) == 1500
    if family == socket.AF_INET:
        flags_and_offset = struct.unpack_from("!H", packet, 6)[0]
        assert flags_and_offset == 0x4000, "DF, and no fragment"
    else:
        assert packet[6] == socket.IPPROTO_UDP, "no fragment header"


@in_private_namespaces
def test_no_route_returns_the_errno() -> None:
    a = Underlay(socket.AF_INET, None, 4789, None)
    assert a.send((b"x",), ("10.9.0.2", 4789)) == errno.ENETUNREACH


@both_families
def test_datagrams_sent_in_one_call_are_received_merged_with_their_size(family: int) -> None:
    a, b = open_loopback(family), open_loopback(family)
    payload = b"".join(bytes([number]) * 1000 for number in range(10)) + b"short"
    assert a.send((memoryview(payload),), address(b), 1000) == 0
    wait_readable(b)
    slots = buffers(2)
    source = LOOPBACK[socket.AddressFamily(family)]
    assert receive(b, slots) == [(10_005, source, 1000)]
    assert slots[0][:10_005] == payload
    a.close()
    b.close()


@both_families
def test_its_attributes_show_the_offloads_of_the_kernel(family: int) -> None:
    a = open_loopback(family)
    assert a.segments in (128, 64)
    assert a.merges
    a.close()
    a = Underlay(family, None, 0, None, segment=False, gro=False)
    assert a.segments == 1
    assert not a.merges
    a.close()


def test_without_gro_datagrams_are_received_one_by_one() -> None:
    a, b = open_loopback(socket.AF_INET), Underlay(socket.AF_INET, "127.0.0.1", 0, None, gro=False)
    assert a.send((b"aabbc",), address(b), 2) == 0
    wait_readable(b)
    assert receive(b, buffers(4)) == [(2, "127.0.0.1", 0), (2, "127.0.0.1", 0), (1, "127.0.0.1", 0)]
    a.close()
    b.close()


@in_private_namespaces
def test_without_a_loopback_the_number_of_segments_is_64() -> None:
    sh("ip address flush dev lo")
    assert Underlay(socket.AF_INET, None, 0, None).segments == 64


def test_too_many_segments_for_the_kernel_are_sent_in_smaller_calls() -> None:
    a, b = open_loopback(socket.AF_INET), open_loopback(socket.AF_INET)
    sent = b"".join(number.to_bytes(2, "big") for number in range(300))
    parts = (sent[:100], memoryview(sent)[100:])
    assert a.send(parts, address(b), 2) == errno.EINVAL
    assert a.send_unsegmented(parts, address(b), 2, 0, errno.EINVAL) == []
    assert a.segments == 64
    slots = buffers(300)
    received = receive(b, slots)
    assert b"".join(bytes(s[:n]) for s, (n, _, _) in zip(slots, received, strict=False)) == sent
    assert max(octets for octets, _, _ in received) == 2 * 64
    a.close()
    b.close()


def test_without_udp_segment_datagrams_are_sent_one_by_one() -> None:
    a, b = open_loopback(socket.AF_INET), open_loopback(socket.AF_INET)
    with as_socket(a) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)  # Linux refuses it with UDP_SEGMENT
    for many in (3, 200):
        sent = bytes(range(many))
        assert a.send((sent,), address(b), 1) == errno.EINVAL
        assert a.send_unsegmented((sent,), address(b), 1, 0, errno.EINVAL) == []
        assert a.segments == 1
        slots = buffers(many)
        received = receive(b, slots)
        assert received == [(1, "127.0.0.1", 0)] * many
        assert bytes(slot[0] for slot in slots) == sent
    a.close()
    b.close()


@pytest.mark.parametrize("error", [errno.EMSGSIZE, errno.EINVAL])  # the latter before Linux 6.14
@in_private_namespaces
def test_only_datagrams_above_the_path_mtu_are_lost(error: int) -> None:
    veth()
    sh("ip link set v0 mtu 1000")
    a = Underlay(socket.AF_INET, None, 4789, None)
    segments = a.segments
    peer = ("10.9.0.2", 4789)
    octets = bytes(3 * 1400) + b"short"
    assert a.send((octets,), peer, 1400) in (errno.EMSGSIZE, errno.EINVAL)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as wire:
        wire.bind(("v1", ETH_P_IP))
        wire.settimeout(5)
        failed = a.send_unsegmented((octets,), peer, 1400, 0, error)
        assert [(len(one), why) for one, why in failed] == [(1400, errno.EMSGSIZE)] * 3
        assert wire.recv(2000).endswith(b"short")
    assert a.segments == segments


@in_private_namespaces
def test_a_zero_checksum_over_ipv6_is_accepted() -> None:
    a = Underlay(socket.AF_INET6, "::1", 4789, None)
    datagram = struct.pack("!HHHH", 5000, 4789, 8 + 5, 0) + b"hello"
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        raw.sendto(datagram, ("::1", 0))
    wait_readable(a)
    assert receive(a, buffers(1)) == [(5, "::1", 0)]


@in_private_namespaces
def test_a_link_local_sender_has_the_number_of_its_device() -> None:
    sh("ip link add v0 type veth peer name v1")
    for dev, host in (("v0", 1), ("v1", 2)):
        sh(f"ip -6 address add fe80::{host}/64 dev {dev} nodad")
        sh(f"ip link set {dev} up")
    a = Underlay(socket.AF_INET6, "fe80::1", 4789, "v0")
    b = Underlay(socket.AF_INET6, "fe80::2%v1", 4789, None)
    index = socket.if_nametoindex("v1")
    assert b.send((b"hello",), ("fe80::1", 4789, 0, index)) == 0
    wait_readable(a)
    assert receive(a, buffers(1)) == [(5, f"fe80::2%{socket.if_nametoindex('v0')}", 0)]
