"""Tap: a real TAP device in a network namespace."""

import errno
import fcntl
import os
import select
import socket
import stat
import struct
from itertools import takewhile
from pathlib import Path

import pytest

from tests.unit.namespaces import in_private_namespaces, mount, sh
from vtep.errors import HostError
from vtep.host import linux
from vtep.host.tap import Tap

ETH_P_ALL = 0x0003
NOBODY = 65534
VIRTIO = 10


def frame(number: int, length: int = 64) -> bytes:
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes([number]) * (length - 14)


def quiet() -> None:
    """Let the kernel send no frames of its own."""
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")


def packet_socket(dev: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((dev, ETH_P_ALL))
    sock.settimeout(5)
    return sock


def read(device: Tap, slots: list[memoryview]) -> list[int]:
    return list(takewhile(bool, map(device.read, zip(slots, strict=True))))


def buffers(count: int) -> list[memoryview]:
    return [memoryview(bytearray(66_000)) for _ in range(count)]


def set_mode_of_dev_net_tun(mode: int) -> None:
    """Replace /dev/net/tun by one with that mode."""
    mount(b"none", b"/dev/net", b"tmpfs")
    os.mknod("/dev/net/tun", stat.S_IFCHR, os.makedev(10, 200))
    os.chmod("/dev/net/tun", mode)


def device_exists(name: str) -> bool:
    return name in {found for _, found in socket.if_nameindex()}


@in_private_namespaces
def test_a_tap_exists_while_it_is_open() -> None:
    tap = Tap("vx0")
    assert device_exists("vx0")
    assert tap.name == "vx0"
    assert "tun type tap pi off vnet_hdr on" in sh("ip -d link show vx0")
    tap.close()
    assert not device_exists("vx0")
    tap.close()


@in_private_namespaces
def test_its_descriptor_neither_blocks_nor_is_inherited() -> None:
    tap = Tap("vx0")
    assert not os.get_blocking(tap.fileno())
    assert not os.get_inheritable(tap.fileno())


@in_private_namespaces
def test_it_reads_partial_checksums_and_gso_frames_if_the_kernel_can() -> None:
    tap = Tap("vx0")
    assert tap.offloads in (0x67, 0x07)
    assert tap.takes_uso == (tap.offloads == 0x67)
    assert tap.vnet_header
    assert "tcp-segmentation-offload: on" in sh("ethtool -k vx0")


@in_private_namespaces
def test_each_read_returns_one_frame_until_none_is_left() -> None:
    quiet()
    tap = Tap("vx0")
    sh("ip link set vx0 up")
    slots = buffers(2)
    assert read(tap, slots) == []
    with packet_socket("vx0") as sock:
        for number in (1, 2, 3):
            sock.send(frame(number, 60 + number))
    assert read(tap, slots) == [VIRTIO + 61, VIRTIO + 62]
    assert bytes(slots[1][VIRTIO : VIRTIO + 62]) == frame(2, 62)
    assert read(tap, slots) == [VIRTIO + 63]
    assert bytes(slots[0][VIRTIO : VIRTIO + 63]) == frame(3, 63)
    assert read(tap, slots) == []


@in_private_namespaces
def test_a_written_frame_arrives_at_the_host() -> None:
    quiet()
    tap = Tap("vx0")
    sh("ip link set vx0 up")
    with packet_socket("vx0") as sock:
        assert tap.write((bytes(VIRTIO), memoryview(bytearray(frame(7))))) == 0
        assert sock.recv(2000) == frame(7)


@in_private_namespaces
def test_a_refused_write_returns_the_errno() -> None:
    tap = Tap("vx0")
    assert tap.write((bytes(VIRTIO), frame(1))) == errno.EIO  # the device is down
    sh("ip link set vx0 up")
    assert tap.write((bytes(VIRTIO), b"runt")) == errno.EINVAL


@in_private_namespaces
def test_without_virtio_headers_frames_follow_ten_zero_octets() -> None:
    quiet()
    tap = Tap("vx0", vnet=False)
    assert (tap.vnet_header, tap.offloads, tap.takes_uso) == (False, 0, False)
    assert "vnet_hdr" not in sh("ip -d link show vx0").replace("vnet_hdr off", "")
    sh("ip link set vx0 up")
    slots = [memoryview(bytearray(b"\xee" * 66_000)) for _ in range(3)]
    for _ in range(2):  # the second time over the octets of the first
        assert read(tap, slots) == []
        with packet_socket("vx0") as sock:
            for number in (1, 2):
                sock.send(frame(number, 60 + number))
        assert read(tap, slots) == [VIRTIO + 61, VIRTIO + 62]
        assert bytes(slots[1][: VIRTIO + 62]) == bytes(VIRTIO) + frame(2, 62)
        slots[1][:VIRTIO] = b"\xdd" * VIRTIO
    with packet_socket("vx0") as sock:
        octets = memoryview(frame(7))
        assert tap.write((b"\x01" * VIRTIO + octets[:20], octets[20:])) == 0
        assert sock.recv(2000) == frame(7)


@pytest.mark.parametrize(
    ("allowed", "mask", "features"),
    [
        ({"tso": False, "uso": False}, 0x01, "tcp-segmentation-offload: off"),
        ({"uso": False}, 0x07, "tx-udp-segmentation: off"),
        ({"tso": False}, 0x61, "tcp-segmentation-offload: off"),
    ],
)
@in_private_namespaces
def test_only_allowed_offloads_are_set(allowed: dict[str, bool], mask: int, features: str) -> None:
    tap = Tap("vx0", **allowed)
    assert (tap.vnet_header, tap.offloads, tap.takes_uso) == (True, mask, bool(mask & 0x20))
    assert "tx-checksumming: on" in (shown := sh("ethtool -k vx0"))
    assert features in shown


@in_private_namespaces
def test_offloads_that_the_kernel_does_not_support_are_not_set() -> None:
    """Linux before 6.2 refuses a mask with the bits of USO."""
    masks = []

    def older(fd: int, request: int, argument: bytes | int) -> object:
        if request == linux.TUNSETOFFLOAD:
            masks.append(argument)
            if int(argument) & 0x60:
                raise OSError(errno.EINVAL, "no such bits")
        return ioctl(fd, request, argument)

    ioctl = fcntl.ioctl
    fcntl.ioctl = older  # type: ignore[assignment]  # a child process of its own
    tap = Tap("vx0")
    assert masks == [0x67, 0x07]
    assert (tap.offloads, tap.takes_uso, tap.vnet_header) == (0x07, False, True)


@in_private_namespaces
def test_reading_a_deleted_tap_raises() -> None:
    tap = Tap("vx0")
    sh("ip link del vx0")
    assert tap.write((bytes(VIRTIO), frame(1))) == errno.EBADFD
    assert select.select([tap.fileno()], [], [], 5)[0]
    with pytest.raises(HostError, match="TAP vx0: deleted"):
        read(tap, buffers(1))
    tap.close()


@pytest.mark.parametrize("vnet", [True, False])
@pytest.mark.parametrize("options", ["", "multi_queue", "vnet_hdr multi_queue"])
@in_private_namespaces
def test_a_persistent_tap_is_attached_and_kept_at_close(options: str, vnet: bool) -> None:
    quiet()
    sh(f"ip tuntap add vx0 mode tap {options}")
    sh("ip link set vx0 up")
    tap = Tap("vx0", vnet=vnet)
    assert tap.vnet_header == vnet
    with packet_socket("vx0") as sock:
        sock.send(frame(1))
    assert read(tap, buffers(1)) == [VIRTIO + 64]
    tap.close()
    assert device_exists("vx0")


@in_private_namespaces
def test_offloads_of_a_persistent_tap_are_reset_at_close() -> None:
    sh("ip tuntap add vx0 mode tap")
    tap = Tap("vx0")
    assert "tx-checksumming: on" in sh("ethtool -k vx0")
    tap.close()
    assert "tx-checksumming: off" in sh("ethtool -k vx0")


@in_private_namespaces
def test_the_header_length_of_the_last_user_is_reset() -> None:
    quiet()
    sh("ip tuntap add vx0 mode tap")
    tap = Tap("vx0")
    fcntl.ioctl(tap.fileno(), linux.TUNSETVNETHDRSZ, struct.pack("=i", 12))
    tap.close()
    sh("ip link set vx0 up")
    tap = Tap("vx0")
    with packet_socket("vx0") as sock:
        sock.send(frame(1))
    assert read(tap, buffers(1)) == [VIRTIO + 64]


@in_private_namespaces
def test_a_tap_that_is_open_already_is_refused() -> None:
    first = Tap("vx0")
    with pytest.raises(HostError, match=r"^TAP vx0: in use .*--tap"):
        Tap("vx0")
    first.close()
    Tap("vx0").close()


@in_private_namespaces
def test_a_device_that_is_not_a_tap_is_refused_and_unchanged() -> None:
    sh("ip link add v0 type veth peer name v1")
    sh("ip tuntap add tun0 mode tun")
    for name in ("v0", "tun0"):
        with pytest.raises(HostError, match=f"device {name}: .*not a TAP.*--tap"):
            Tap(name)
        assert device_exists(name)


@in_private_namespaces
def test_a_missing_dev_net_tun_is_refused() -> None:
    mount(b"none", b"/dev/net", b"tmpfs")
    with pytest.raises(HostError, match=r"^/dev/net/tun: .*modprobe tun"):
        Tap("vx0")


@in_private_namespaces
def test_without_permission_the_error_names_both_remedies() -> None:
    set_mode_of_dev_net_tun(0o666)
    os.setuid(NOBODY)
    with pytest.raises(HostError, match=r"not permitted.*root.*ip tuntap add vx0 mode tap user"):
        Tap("vx0")


@in_private_namespaces
def test_without_permission_for_dev_net_tun_the_error_names_it() -> None:
    set_mode_of_dev_net_tun(0o600)
    os.setuid(NOBODY)
    with pytest.raises(HostError, match=r"^/dev/net/tun: .*run as root"):
        Tap("vx0")


@in_private_namespaces
def test_the_owner_of_a_persistent_tap_needs_no_privilege() -> None:
    sh(f"ip tuntap add vx0 mode tap user {NOBODY}")
    set_mode_of_dev_net_tun(0o666)
    os.setuid(NOBODY)
    tap = Tap("vx0")
    assert tap.offloads
    tap.close()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a-name-too-long1", "at most 15"),
        ("", "empty; give"),
        (".", "not valid"),
        ("..", "not valid"),
        ("a/b", "not valid"),
        ("a b", "not valid"),
        ("a:b", "not valid"),
        ("vx%d", "not valid"),
    ],
)
def test_a_name_that_is_not_valid_is_refused(name: str, why: str) -> None:
    with pytest.raises(HostError, match=why) as caught:
        Tap(name)
    assert "\n" not in str(caught.value)
