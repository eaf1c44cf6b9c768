"""Print kernel.toml: have the running Linux kernel make its vectors.

    unshare -n .venv/bin/python -m tests.vectors.capture > tests/vectors/kernel.toml

Needs root. It uses only the private network namespace, in which it builds

    tin (TAP, virtio header) -- br0 -- tout (TAP, no offloads)      vx (kernel vxlan) -- u1 == u2

A GSO frame written to `tin` leaves through `tout`, which accepts no offloads. So the kernel
segments it and completes its checksums. A frame sent out of `vx` is captured on `u2`.
"""

import os
import platform
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from fcntl import ioctl
from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP, IPOption_RR
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
VIRTIO = struct.Struct("=BBHHHH")
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
PAYLOAD = bytes(range(0x30, 0x30 + 77))
STAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (0x01020304, 0x05060708))]


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), check=True, timeout=10, stdout=subprocess.DEVNULL)


def open_tap(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


def wait_for_forwarding() -> None:
    for _ in range(100):
        shown = subprocess.run(["bridge", "link"], capture_output=True, text=True, check=True)
        if shown.stdout.count("state forwarding") == 2:
            return
        time.sleep(0.05)
    raise SystemExit("the bridge ports do not forward")


def with_partial_checksum(frame: Packet) -> tuple[bytes, int, int]:
    """Return the frame with a partial checksum, its start, and the offset of the checksum field.

    Subtracting header and payload from scapy's checksum leaves the sum of the pseudo-header. So
    that sum does not come from the code under test.
    """
    raw = bytearray(bytes(frame))
    whole = Ether(bytes(raw))
    start = len(raw) - len(whole[TCP] if TCP in whole else whole[UDP])
    field = start + (16 if TCP in whole else 6)
    (final,) = struct.unpack_from(">H", raw, field)
    struct.pack_into(">H", raw, field, 0)
    covered = raw[start:] + bytes(len(raw) - start & 1)
    total = (final ^ 0xFFFF) - sum(struct.unpack(f">{len(covered) // 2}H", covered))
    struct.pack_into(">H", raw, field, total % 0xFFFF)
    return bytes(raw), start, field - start


def tcp(flags: str, options: Sequence[tuple[str, object]] = ()) -> Packet:
    header = TCP(sport=5201, dport=40000, seq=0xFFFFFFF0, ack=7, flags=flags, window=502)
    header.options = list(options)
    return header / Raw(PAYLOAD)


def cases() -> list[tuple[str, Packet, int, int]]:
    """Return name, unsegmented frame, gso_type and gso_size of each case."""
    ether = Ether(src=A, dst=B)
    four = ether / IP(src="10.9.0.1", dst="10.9.0.2", id=65534, flags="DF")
    six = ether / IPv6(src="fd00::1", dst="fd00::2")
    tagged = ether / Dot1Q(vlan=10) / IP(src="10.9.0.1", dst="10.9.0.2", id=1)
    routed = ether / IP(src="10.9.0.1", dst="10.9.0.2", options=IPOption_RR(routers=["0.0.0.0"]))
    ports = UDP(sport=1111, dport=2222)
    udp = ports / Raw(PAYLOAD)
    # A datagram whose payload is its own checksum sums to zero, which is sent as 0xffff.
    zero = ports / Raw(bytes(four / ports / Raw(bytes(2)))[40:42])
    return [
        ("TCP over IPv4, timestamps, PSH and FIN", four / tcp("FPA", STAMPS), 1, 20),
        ("TCP over IPv4, CWR", four / tcp("CEPA"), 1, 32),
        ("TCP over IPv4 with IP options", routed / tcp("A"), 1, 25),
        ("TCP over IPv4, VLAN tag", tagged / tcp("PA"), 1, 40),
        ("TCP over IPv6", six / tcp("PA", STAMPS), 4, 30),
        ("TCP over IPv6, destination options", six / IPv6ExtHdrDestOpt() / tcp("FA"), 4, 33),
        ("UDP datagrams over IPv4", four / udp, 5, 24),
        ("UDP datagrams over IPv6", six / udp, 5, 38),
        ("UDP datagrams over IPv6, hop-by-hop", six / IPv6ExtHdrHopByHop() / udp, 5, 50),
        ("UDP partial checksum, odd length", four / udp, 0, 0),
        ("UDP partial checksum, result zero", four / zero, 0, 0),
        ("TCP partial checksum, IPv6", six / tcp("PA"), 0, 0),
    ]


def read_all(fd: int) -> Iterator[bytes]:
    """Yield reads from `fd` until it is silent for half a second."""
    while select.select([fd], [], [], 0.5)[0]:
        yield os.read(fd, 70000)


def print_offloads() -> None:
    source, sink = open_tap("tin"), open_tap("tout")
    run("ip link add br0 type bridge")
    for name in ("tin", "tout"):
        run(f"ip link set {name} master br0 up")
    run("ip link set br0 up")
    wait_for_forwarding()
    for name, frame, kind, size in cases():
        raw, start, offset = with_partial_checksum(frame)
        header = (1, kind, start + 20 if kind else 0, size, start, offset)
        os.write(source, VIRTIO.pack(*header) + raw)
        # The bridge sends frames of its own (IGMP), too.
        out = [one for one in read_all(sink) if one[VIRTIO.size :].startswith(raw[:12])]
        assert all(VIRTIO.unpack_from(one)[:2] == (0, 0) for one in out), (name, out)
        print(f'\n[[offload]]\nname = "{name}"\nvirtio = {list(header)}')
        print(f'hex = "{raw.hex()}"\nout = [')
        for one in out:
            print(f'    "{one[VIRTIO.size :].hex()}",')
        print("]")


def print_datagrams() -> None:
    run(
        "ip link add u1 address 02:00:00:00:01:01 type veth peer u2 address 02:00:00:00:01:02",
        "ip addr add 10.0.1.4/24 dev u1",
        "ip link set u1 up",
        "ip link set u2 up",
        "ip neigh add 10.0.1.41 lladdr 02:00:00:00:01:02 dev u1",
        "ethtool -K u1 tx off",
    )
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    wire.bind(("u2", 0x0800))
    arp = ARP(hwsrc=A, psrc="10.9.0.1", pdst="10.9.0.2")
    stream = Ether(src=A, dst=B) / IP(src="10.9.0.1", dst="10.9.0.2", flags="DF") / tcp("PA")
    for vni, what, inner in [
        (0, "ARP request", Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / arp),
        (100, "ARP request", Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / arp),
        (16777215, "TCP", stream),
    ]:
        run(
            f"ip link add vx type vxlan id {vni} remote 10.0.1.41 dstport 4789 dev u1 noudpcsum",
            "ip link set vx up",
        )
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as access:
            access.bind(("vx", 0))
            access.send(bytes(inner))
        assert select.select([wire], [], [], 2.0)[0], "nothing came out of vx"
        captured = wire.recv(2000)
        run("ip link del vx")
        print(f'\n[[datagram]]\nname = "the kernel\'s vxlan, VNI {vni}, inner {what}"\nvni = {vni}')
        print(f'outer = "{captured[:42].hex()}"\nhex = "{captured[42:].hex()}"')
        print(f'inner = "{bytes(inner).hex()}"')


def main() -> None:
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    print(f"# Printed by capture.py on Linux {platform.release()}; see README.md.")
    print_offloads()
    print_datagrams()


if __name__ == "__main__":
    main()
