"""A TAP by which whole outer packets enter the kernel, which forwards them as a router does.

The kernel treats a packet that is written to the TAP as received from outside, and forwards it to
the underlay. With a virtio header of 24 octets a packet may be a GSO packet inside a UDP tunnel
(drivers/net/tun.c, Linux 6.17).

The TAP belongs to this process, and its parameters are deleted with it. They switch forwarding on
for this device only, accept source addresses of this host, and switch IPv6 messages off.
host/netfilter.py finds the firewall rules that may drop such packets.
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
"""A mask that only kernels with GSO packets inside a tunnel accept."""


class Injector:
    """An open TAP to write packets to; it exists while it is open.

    The file descriptor is non-blocking and not inherited. It is never read: the kernel sends
    nothing by this device.

    Attributes:
        name: name of the device.

    Raises:
        HostError: the TAP cannot be opened, or the kernel is too old.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR
        try:
            self._device = pytun.TunTapDevice(name=name, flags=flags)
        except pytun.Error as error:
            raise HostError(
                f"TAP {name}: cannot be opened ({error.strerror}); run as root"
            ) from error
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
        """Let the kernel forward packets from the device; call it before the device is up.

        Args:
            is_ipv6: whether the packets are IPv6; otherwise they are IPv4.

        Raises:
            HostError: a parameter cannot be set.
        """
        for parameter in _parameters(self.name, is_ipv6):
            if parameter.is_set:
                continue
            try:
                parameter.set()
            except OSError as error:
                raise HostError(
                    f"{parameter}: cannot be set ({error.strerror}); "
                    "run as root, with a writable /proc/sys"
                ) from error

    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one packet in parts, virtio header first; return 0, or the errno.

        EIO: the device is down. EBADFD: it was deleted. EINVAL: the kernel refuses the packet.
        """
        try:
            os.writev(self._fd, parts)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def close(self) -> None:
        """Close and delete the device; closing again is harmless."""
        with contextlib.suppress(pytun.Error):
            self._device.close()


def _check_tunnels(fd: int) -> None:
    try:
        fcntl.ioctl(fd, linux.TUNSETOFFLOAD, _TUNNEL_OFFLOADS)
        # Only a test: the mask selects offloads for reading, and this device is not read.
        fcntl.ioctl(fd, linux.TUNSETOFFLOAD, 0)
    except OSError as error:
        raise HostError(
            "this kernel: does not accept GSO packets inside a tunnel; use Linux 6.17 or later"
        ) from error


def _parameters(name: str, is_ipv6: bool) -> list[Sysctl]:
    """Return the parameters that let the kernel forward packets from this device only."""
    ipv4, ipv6 = f"net/ipv4/conf/{name}", f"net/ipv6/conf/{name}"
    if is_ipv6:
        return [
            Sysctl(f"{ipv6}/addr_gen_mode", "1"),
            Sysctl(f"{ipv6}/accept_ra", "0"),
            Sysctl(f"{ipv6}/disable_ipv6", "0"),
            # Linux 6.17. `forwarding` of one device has no effect while that of all is off.
            Sysctl(f"{ipv6}/force_forwarding", "1"),
        ]
    silent = Sysctl(f"{ipv6}/disable_ipv6", "1")
    return [
        *([silent] if silent.current is not None else []),
        Sysctl(f"{ipv4}/forwarding", "1"),
        Sysctl(f"{ipv4}/accept_local", "1"),
        Sysctl(f"{ipv4}/rp_filter", "0"),
    ]
