"""The sending sockets of an Underlay: ports, received datagrams and errors."""

import errno
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.unit.namespaces import in_private_namespaces, sh
from tests.unit.one_host import become_nobody
from tests.unit.test_underlay import (
    IP_RECVERR,
    LOOPBACK,
    as_socket,
    both_families,
    buffers,
    receive,
)
from vtep.errors import HostError
from vtep.host.senders import open_senders
from vtep.host.underlay import Underlay
from vtep.wire.flow import MAX_SOURCE_PORTS, source_ports

DEFAULT = (49152, 65535)
IPV6_RECVERR = 25
FROM = (50_000, 50_099)


@contextmanager
def listener(family: int) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((LOOPBACK[socket.AddressFamily(family)], 0))
        sock.settimeout(5)
        yield sock


def underlay(family: int = socket.AF_INET, srcport: tuple[int, int] = DEFAULT) -> Underlay:
    ranges = source_ports(*srcport) if srcport != (4789, 4789) else ()
    return Underlay(family, LOOPBACK[socket.AddressFamily(family)], 4789, None, ranges)


def port_of(one: Underlay, target: socket.socket, flow: int) -> int:
    assert one.send((b"x",), target.getsockname(), sport_index=flow) == 0
    return int(target.recvfrom(10)[1][1])


def sending(one: Underlay) -> list[socket.socket]:
    """Return the sockets that send."""
    return list(one.sending)


@both_families
@in_private_namespaces
def test_each_flow_keeps_its_port_and_flows_use_the_whole_range(family: int) -> None:
    with listener(family) as target:
        one = underlay(family)
        assert one.senders == MAX_SOURCE_PORTS == 64
        ports = [port_of(one, target, flow) for flow in range(2 * MAX_SOURCE_PORTS)]
        assert ports[:MAX_SOURCE_PORTS] == ports[MAX_SOURCE_PORTS:]
        assert len(set(ports)) == MAX_SOURCE_PORTS
        assert all(DEFAULT[0] <= port <= DEFAULT[1] for port in ports)
        assert max(ports) - min(ports) > 16_000
        one.close()


@both_families
@in_private_namespaces
def test_parts_and_segments_are_sent_from_the_port_of_their_flow(family: int) -> None:
    with listener(family) as target:
        one = underlay(family)
        port = port_of(one, target, 7)
        assert one.send((b"head", b"tail"), target.getsockname(), sport_index=7) == 0
        assert one.send((b"aaaabb", b"bbc"), target.getsockname(), 4, sport_index=7) == 0
        received = [target.recvfrom(10) for _ in range(4)]
        assert [octets for octets, _ in received] == [b"headtail", b"aaaa", b"bbbb", b"c"]
        assert {sender[1] for _, sender in received} == {port}
        one.close()


@in_private_namespaces
def test_ports_in_use_are_skipped() -> None:
    with listener(socket.AF_INET) as target, socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 50_001))
        one = underlay(srcport=(50_000, 50_002))
        assert {port_of(one, target, flow) for flow in range(9)} == {50_000, 50_002}
        two = Underlay(socket.AF_INET, "127.0.0.1", 4790, None, source_ports(50_000, 50_003))
        assert {port_of(two, target, flow) for flow in range(9)} == {50_003}
        one.close()
        two.close()


@in_private_namespaces
def test_a_range_of_one_port_opens_one_socket() -> None:
    with listener(socket.AF_INET) as target:
        for srcport in ((50_000, 50_000), (4789, 4789)):
            one = underlay(srcport=srcport)
            assert one.senders == 1
            assert {port_of(one, target, flow) for flow in range(3)} == {srcport[0]}
            one.close()


@in_private_namespaces
def test_a_range_without_a_free_port_is_refused() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 50_000))
        with pytest.raises(HostError, match=r"^srcport 50000 50000: .*--srcport$"):
            underlay(srcport=(50_000, 50_000))
    assert len(os.listdir("/proc/self/fd")) == before


@in_private_namespaces
def test_ports_reserved_for_root_are_skipped() -> None:
    become_nobody()
    with pytest.raises(HostError, match="srcport 1 2: "):
        open_senders(socket.AF_INET, "127.0.0.1", source_ports(1, 2), None)
    [one] = open_senders(socket.AF_INET, "127.0.0.1", source_ports(1024, 1024), None)
    one.close()


@both_families
@in_private_namespaces
def test_datagrams_to_a_sending_port_are_dropped(family: int) -> None:
    with listener(family) as stray:
        one = underlay(family, FROM)
        [first, *_] = sending(one)
        for _ in range(100):
            stray.sendto(b"stray", first.getsockname())
        assert not select.select([first], [], [], 0)[0]
        assert receive(one, buffers(1)) == []
        with pytest.raises(BlockingIOError):
            first.recv(10)
        one.close()


@both_families
@in_private_namespaces
def test_an_icmp_error_does_not_stop_a_send(family: int) -> None:
    """ICMP port unreachable, with and without IP_RECVERR, which makes the socket report it."""
    with listener(family) as target, listener(family) as closed:
        one = underlay(family, (50_000, 50_000))
        gone = closed.getsockname()
        closed.close()
        for _ in range(3):
            assert one.send((b"to a closed port",), gone) == 0
            assert port_of(one, target, 0) == 50_000
        [sender] = sending(one)
        if family == socket.AF_INET:
            sender.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        for _ in range(3):
            assert one.send((b"to a closed port",), gone) == 0
            assert port_of(one, target, 0) == 50_000
        one.close()


@pytest.mark.parametrize(
    ("family", "peer", "headers"),
    [(socket.AF_INET, ("10.9.0.2", 4789), 28), (socket.AF_INET6, ("fd00:9::2", 4789), 48)],
    ids=["ipv4", "ipv6"],
)
@in_private_namespaces
def test_sending_sockets_never_fragment_and_are_bound_to_the_device(
    family: int, peer: tuple[str, int], headers: int
) -> None:
    sh("ip link add v9 type veth peer name w9")
    sh("ip link set v9 up")
    sh("ip link set w9 up")
    sh("ip address add 10.9.0.1/24 dev v9")
    sh("ip -6 address add fd00:9::1/64 dev v9 nodad")
    one = Underlay(family, None, 4789, "v9", source_ports(*FROM))
    assert one.send((bytes(1501 - headers),), peer) == errno.EMSGSIZE
    assert one.send((bytes(1500 - headers),), peer) == 0
    for sock in sending(one):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b"v9\0"
    one.close()


@in_private_namespaces
def test_a_send_to_a_full_buffer_fails_immediately() -> None:
    sh("ip link add v0 type veth peer name v1")
    sh("ip link set v0 up")
    sh("ip address add 10.9.0.1/24 dev v0")
    one = Underlay(socket.AF_INET, None, 4789, None, source_ports(50_000, 50_000))
    [sender] = sending(one)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
    # That address has no host, so datagrams wait for ARP and occupy the send buffer.
    errors = [one.send((bytes(1000),), ("10.9.0.2", 4789)) for _ in range(20)]
    assert errors[0] == 0
    assert errors[-1] == errno.EAGAIN
    one.close()


@in_private_namespaces
def test_closing_closes_all_sockets() -> None:
    before = len(os.listdir("/proc/self/fd"))
    one = underlay()
    with as_socket(one):
        pass
    assert len(os.listdir("/proc/self/fd")) == before + 1 + MAX_SOURCE_PORTS
    one.close()
    one.close()
    assert len(os.listdir("/proc/self/fd")) == before
