"""A TAP by which whole outer packets enter the kernel, which forwards them as a router does.

To the kernel it is a network card that others send by: a packet written to it, addressed to its
MAC, takes the way of what arrived from outside, and leaves by the underlay. With a virtio header of
24 octets a packet may be a super-frame inside a UDP tunnel (drivers/net/tun.c, Linux 6.17).

The device is our own, and so are the parameters that are set here: that it forwards, whatever the
host does; that a source address of this host is no forgery on it; that IPv6 says nothing on it. All
is gone with the device. What the rest of the host may have against it is host/netfilter.py's.
"""

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Sequence

import pytun

from vtep.errors import HostError
from vtep.host import linux
from vtep.host.linux import Buffer
from vtep.host.sysctl import Sysctl

_HEADER_LEN = struct.pack("=i", 24)
_TUNNEL_OFFLOADS = linux.TUN_F_CSUM | linux.TUN_F_TSO4 | linux.TUN_F_UDP_TUNNEL_GSO
"""Taken by every kernel that takes super-frames inside a tunnel, and by no other."""


class Injector:
    """One open TAP to write packets to; it is created, and gone when closed.

    The file descriptor is non-blocking and not inherited. Nobody reads it: what the kernel sends by
    it, nothing, is dropped.

    Attributes:
        name: the name of the device.

    Raises:
        HostError: the kernel is too old, or it cannot be opened.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR
        try:
            self._device = pytun.TunTapDevice(name=name, flags=flags)
        except pytun.Error as error:
            raise HostError(f"cannot open the TAP {name}: {error.strerror}") from error
        try:
            self._fd: int = self._device.fileno()
            os.set_inheritable(self._fd, False)
            os.set_blocking(self._fd, False)
            fcntl.ioctl(self._fd, linux.TUNSETVNETHDRSZ, _HEADER_LEN)
            _check_tunnels(self._fd)
        except BaseException:
            self._device.close()
            raise

    def set_up(self, is_ipv6: bool) -> None:
        """Have the kernel forward what comes in by the device; to be done before it is up.

        Args:
            is_ipv6: packets are IPv6, else IPv4.

        Raises:
            HostError: a parameter cannot be set.
        """
        for parameter in _parameters(self.name, is_ipv6):
            if parameter.is_set:
                continue
            try:
                parameter.set()
            except OSError as error:
                raise HostError(f"cannot set {parameter} ({error.strerror})") from error

    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one packet in parts, its virtio header in front; return 0, or the errno.

        EIO: the device is down. EBADFD: it was deleted. EINVAL: the kernel takes no such packet.
        """
        try:
            os.writev(self._fd, parts)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def close(self) -> None:
        """Close it; the device is gone then.  Harmless when closed."""
        with contextlib.suppress(pytun.Error):
            self._device.close()


def _check_tunnels(fd: int) -> None:
    try:
        fcntl.ioctl(fd, linux.TUNSETOFFLOAD, _TUNNEL_OFFLOADS)
        # Asked only: it says what may be read from the device.
        fcntl.ioctl(fd, linux.TUNSETOFFLOAD, 0)
    except OSError as error:
        raise HostError(
            "this kernel takes no super-frames inside a tunnel: Linux 6.17 does"
        ) from error


def _parameters(name: str, is_ipv6: bool) -> list[Sysctl]:
    """Return what makes a router of the kernel for what comes in by this device alone."""
    ipv4, ipv6 = f"net/ipv4/conf/{name}", f"net/ipv6/conf/{name}"
    if is_ipv6:
        return [
            Sysctl(f"{ipv6}/addr_gen_mode", "1"),
            Sysctl(f"{ipv6}/accept_ra", "0"),
            Sysctl(f"{ipv6}/disable_ipv6", "0"),
            # Linux 6.17; `forwarding` of one device does not forward where that of all is off.
            Sysctl(f"{ipv6}/force_forwarding", "1"),
        ]
    silent = Sysctl(f"{ipv6}/disable_ipv6", "1")
    return [
        *([silent] if silent.current is not None else []),
        Sysctl(f"{ipv4}/forwarding", "1"),
        Sysctl(f"{ipv4}/accept_local", "1"),
        Sysctl(f"{ipv4}/rp_filter", "0"),
    ]
