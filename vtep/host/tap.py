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

from vtep.host import linux, procfs
from vtep.host.linux import Buffer, HostError

NAME_MAX = 15

_VIRTIO_HEADER_LEN = struct.pack("=i", 10)
_TSO = linux.TUN_F_CSUM | linux.TUN_F_TSO4 | linux.TUN_F_TSO6
_OFFLOADS = (_TSO | linux.TUN_F_USO4 | linux.TUN_F_USO6, _TSO, linux.TUN_F_CSUM, 0)
"""From what Linux 6.2 and later take downwards; TUNSETOFFLOAD refuses what it does not know."""


class Tap:
    """One open TAP: created for as long as it is open, or an existing persistent one attached.

    The file descriptor is non-blocking and not inherited.

    Attributes:
        name: the name of the device.
        offloads: the TUN_F_* mask the kernel accepted.
        dropped_before: frames the device had dropped before we opened it.

    Raises:
        HostError: the name is no device name, /dev/net/tun is missing, we are not permitted,
            the device is in use, or the name belongs to a device that is no TAP.
    """

    def __init__(self, name: str) -> None:
        _check_name(name)
        self.name = name
        self._device = _open(name)
        try:
            self._fd: int = self._device.fileno()
            os.set_inheritable(self._fd, False)
            os.set_blocking(self._fd, False)
            # A persistent device keeps what its last user chose.
            fcntl.ioctl(self._fd, linux.TUNSETVNETHDRSZ, _VIRTIO_HEADER_LEN)
            self.offloads = _set_offloads(self._fd)
            self.dropped_before = procfs.tx_dropped({name}).get(name, 0)
        except BaseException:
            self._device.close()
            raise

    def fileno(self) -> int:
        """Return the file descriptor, to wait for frames."""
        return self._fd

    # HOT PATH
    def read(self, buffer: memoryview) -> int:
        """Read one frame, its virtio header in front; return its octets, 0 when none waits.

        A buffer must hold the header, 65,536 octets and an Ethernet header with a tag; what does
        not fit is cut off by the kernel.

        Raises:
            HostError: the device can be read no more; it was deleted.
        """
        try:
            return os.readv(self._fd, (buffer,))
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno == errno.EBADFD:
                raise HostError(f"TAP {self.name} was deleted while in use") from error
            raise HostError(f"TAP {self.name} cannot be read: {error.strerror}") from error

    # HOT PATH
    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one frame in parts, its virtio header in front; return 0, or the errno."""
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


def _open(name: str) -> pytun.TunTapDevice:
    """Create or attach; a persistent TAP made with multi_queue is attached as one."""
    flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR
    try:
        try:
            return pytun.TunTapDevice(name=name, flags=flags)
        except pytun.Error as error:
            if error.errno != errno.EINVAL:
                raise
            return pytun.TunTapDevice(name=name, flags=flags | pytun.IFF_MULTI_QUEUE)
    except pytun.Error as error:
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


def _set_offloads(fd: int) -> int:
    for mask in _OFFLOADS:
        try:
            fcntl.ioctl(fd, linux.TUNSETOFFLOAD, mask)
        except OSError:
            continue
        return mask
    return 0
