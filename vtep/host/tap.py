"""A TAP device: Ethernet frames in and out, each behind a virtio header of 10 octets.

The header (IFF_VNET_HDR) lets the kernel hand over unfinished checksums and super-frames, and
take them.  What it may hand over is asked for by TUNSETOFFLOAD (Documentation/networking/
tuntap.rst, drivers/net/tun.c).
"""

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Sequence

import pytun

from vtep.errors import HostError
from vtep.host import linux, procfs
from vtep.host.linux import Buffer

NAME_MAX = 15

_VIRTIO = 10
"""Octets of the virtio header."""
_TSO = linux.TUN_F_TSO4 | linux.TUN_F_TSO6
_USO = linux.TUN_F_USO4 | linux.TUN_F_USO6
"""Known to Linux 6.2 and later, and only both together."""


class Tap:
    """One open TAP: created for as long as it is open, or an existing persistent one attached.

    The file descriptor is non-blocking and not inherited.

    Args:
        name: of the device.
        vnet: use the virtio header, where the kernel has it.  Without it every frame is a finished
            one, and the header that read() and write() have in front of it says nothing.
        tso: take TCP super-frames, where the kernel can.
        uso: take UDP super-frames, where it can.

    Attributes:
        name: the name of the device.
        vnet_header: whether the virtio header counts.
        offloads: the TUN_F_* mask the kernel accepted.
        takes_uso: whether UDP super-frames may be read and written.
        dropped_before: frames the device had dropped before we opened it.

    Raises:
        HostError: the name is no device name, /dev/net/tun is missing, we are not permitted,
            the device is in use, or the name belongs to a device that is no TAP.
    """

    def __init__(self, name: str, *, vnet: bool = True, tso: bool = True, uso: bool = True) -> None:
        _check_name(name)
        self.name = name
        self._device, self.vnet_header = _open(name, vnet)
        try:
            self._fd: int = self._device.fileno()
            os.set_inheritable(self._fd, False)
            os.set_blocking(self._fd, False)
            # A persistent device keeps what its last user chose.
            if self.vnet_header:
                fcntl.ioctl(self._fd, linux.TUNSETVNETHDRSZ, struct.pack("=i", _VIRTIO))
            wanted = linux.TUN_F_CSUM | _TSO * tso | _USO * uso
            self.offloads = _set_offloads(self._fd, wanted if self.vnet_header else 0)
            self.takes_uso = bool(self.offloads & linux.TUN_F_USO4)
            self.dropped_before = procfs.tx_dropped({name}).get(name, 0)
        except BaseException:
            self._device.close()
            raise

    def fileno(self) -> int:
        """Return the file descriptor, to wait for frames."""
        return self._fd

    def read(self, buffers: Sequence[memoryview]) -> int:
        """Read one frame behind its virtio header; return the octets of both, 0 without a frame.

        Args:
            buffers: filled one after the other; the first holds at least the virtio header.
                Together they must hold it, 65,536 octets and an Ethernet header with a tag: the
                kernel cuts off the rest.

        Raises:
            HostError: the device can be read no more; it was deleted.
        """
        try:
            if self.vnet_header:
                return os.readv(self._fd, buffers)
            octets = os.readv(self._fd, (buffers[0][_VIRTIO:], *buffers[1:]))
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno == errno.EBADFD:
                raise HostError(f"TAP {self.name} was deleted while in use") from error
            raise HostError(f"TAP {self.name} cannot be read: {error.strerror}") from error
        buffers[0][:_VIRTIO] = bytes(_VIRTIO)
        return _VIRTIO + octets

    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one frame in parts; return 0, or the errno.

        Args:
            parts: the first begins with the virtio header, which is left out where it counts not.
        """
        if not self.vnet_header:
            parts = (memoryview(parts[0])[_VIRTIO:], *parts[1:])
        try:
            os.writev(self._fd, parts)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def close(self) -> None:
        """Close it: a TAP we created is gone then.  Harmless when closed."""
        if self._fd < 0:
            return
        # A persistent device would hand unfinished checksums to its next user.
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, linux.TUNSETOFFLOAD, 0)
        self._fd = -1
        self._device.close()


def _check_name(name: str) -> None:
    if not name:
        raise HostError("the name of the TAP is empty: give one, such as --tap vx0")
    if len(os.fsencode(name)) > NAME_MAX:
        raise HostError(
            f"TAP name {name!r} is longer than {NAME_MAX} characters: choose a shorter one"
        )
    # The kernel refuses these (dev_valid_name), except for %, which it would replace by a number.
    if name in (".", "..") or any(c in "/:%" or c.isspace() for c in name):
        raise HostError(f"{name!r} cannot be the name of a TAP: choose one such as vx0")


def _open(name: str, vnet: bool) -> tuple[pytun.TunTapDevice, bool]:
    """Create or attach; return the device and whether it has the virtio header.

    EINVAL may mean that the kernel has no such header, or that a persistent TAP was made with
    multi_queue, and is to be attached as one.
    """
    plain = pytun.IFF_TAP | pytun.IFF_NO_PI
    error: pytun.Error
    for flags in (plain | pytun.IFF_VNET_HDR, plain) if vnet else (plain,):
        for queues in (0, pytun.IFF_MULTI_QUEUE):
            try:
                device = pytun.TunTapDevice(name=name, flags=flags | queues)
            except pytun.Error as caught:
                error = caught
                if error.errno != errno.EINVAL:
                    raise HostError(_why(name, error)) from error
            else:
                return device, flags != plain
    raise HostError(_why(name, error)) from error


def _why(name: str, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return (
                "there is no /dev/net/tun: load the kernel's tun module (modprobe tun), "
                "or let the container have that device"
            )
        case errno.EACCES:
            return "not permitted to open /dev/net/tun: run as root"
        case errno.EPERM:
            return (
                f"not permitted to open the TAP {name}: run as root or with CAP_NET_ADMIN, "
                f"or have it made for you: ip tuntap add {name} mode tap user {_user()}"
            )
        case errno.EBUSY | errno.E2BIG:
            return f"TAP {name} is in use by another process: end that one, or choose another --tap"
        case errno.EINVAL:
            return f"device {name} exists but is no TAP: choose another --tap"
        case _:
            return f"cannot open the TAP {name}: {error.strerror}"


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _set_offloads(fd: int, wanted: int) -> int:
    """Ask for *wanted*, and for less where the kernel does not know that; return what it took."""
    for mask in (wanted, wanted & ~_USO, wanted & linux.TUN_F_CSUM):
        try:
            fcntl.ioctl(fd, linux.TUNSETOFFLOAD, mask)
        except OSError:
            continue
        return mask
    return 0
