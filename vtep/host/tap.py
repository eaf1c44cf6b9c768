"""A TAP device: Ethernet frames in and out, each after a virtio header of 10 octets.

With the header (IFF_VNET_HDR) the kernel can send and receive partial checksums and GSO frames.
TUNSETOFFLOAD selects which of them may be read (Documentation/networking/tuntap.rst,
drivers/net/tun.c).
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
"""Linux 6.2 and later support these, and only both together."""


class Tap:
    """An open TAP: a new one that exists while it is open, or an existing persistent one.

    The file descriptor is non-blocking and not inherited.

    Args:
        name: name of the device.
        vnet: use the virtio header if the kernel has it. Without it every frame is complete, read()
            fills the header with zeros, and write() ignores it.
        tso: read TCP GSO frames if the kernel can.
        uso: read UDP GSO frames if the kernel can.

    Attributes:
        name: name of the device.
        vnet_header: whether the virtio header is used.
        offloads: the TUN_F_* mask that the kernel accepted.
        takes_uso: whether UDP GSO frames may be read and written.
        dropped_before: frames that the device had dropped before it was opened.

    Raises:
        HostError: the name is not a device name, /dev/net/tun is missing or not permitted, or the
            device is in use or is not a TAP.
    """

    def __init__(self, name: str, *, vnet: bool = True, tso: bool = True, uso: bool = True) -> None:
        _check_name(name)
        self.name = name
        self._device, self.vnet_header = _open(name, vnet)
        try:
            self._fd: int = self._device.fileno()
            os.set_inheritable(self._fd, False)
            os.set_blocking(self._fd, False)
            # A persistent device keeps the settings of its last user.
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
        """Read one frame and its virtio header; return the octets of both, 0 without a frame.

        Args:
            buffers: filled in order; the first has room for at least the virtio header. Together
                they need room for that header, 65,536 octets and an Ethernet header with a tag: the
                kernel truncates a longer frame.

        Raises:
            HostError: the device was deleted or cannot be read.
        """
        try:
            if self.vnet_header:
                return os.readv(self._fd, buffers)
            octets = os.readv(self._fd, (buffers[0][_VIRTIO:], *buffers[1:]))
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno == errno.EBADFD:
                raise HostError(
                    f"TAP {self.name}: deleted while in use; start vtep again"
                ) from error
            raise HostError(
                f"TAP {self.name}: cannot be read ({error.strerror}); start vtep again"
            ) from error
        buffers[0][:_VIRTIO] = bytes(_VIRTIO)
        return _VIRTIO + octets

    def write(self, parts: Sequence[Buffer]) -> int:
        """Write one frame in parts; return 0, or the errno.

        Args:
            parts: the first begins with the virtio header, which is not written if `vnet_header` is
                false.
        """
        if not self.vnet_header:
            parts = (memoryview(parts[0])[_VIRTIO:], *parts[1:])
        try:
            os.writev(self._fd, parts)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def close(self) -> None:
        """Close the TAP, which deletes it if it is not persistent; closing again is harmless."""
        if self._fd < 0:
            return
        # Otherwise the next user of a persistent device would read partial checksums.
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, linux.TUNSETOFFLOAD, 0)
        self._fd = -1
        self._device.close()


def _check_name(name: str) -> None:
    if not name:
        raise HostError("TAP name: empty; give a name such as --tap vx0")
    if len(os.fsencode(name)) > NAME_MAX:
        raise HostError(f"TAP name {name!r}: too long; use at most {NAME_MAX} octets")
    # The kernel refuses these (dev_valid_name), except for %, which it would replace by a number.
    if name in (".", "..") or any(c in "/:%" or c.isspace() for c in name):
        raise HostError(f"TAP name {name!r}: not valid; use a name such as vx0")


def _open(name: str, vnet: bool) -> tuple[pytun.TunTapDevice, bool]:
    """Create or attach the TAP; return it, and whether it has the virtio header.

    EINVAL can mean that the kernel does not support the header, or that a persistent TAP was
    created with multi_queue and has to be attached with it.
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
                "/dev/net/tun: does not exist; load the kernel's tun module (modprobe tun), "
                "or give the container this device"
            )
        case errno.EACCES:
            return "/dev/net/tun: not permitted; run as root"
        case errno.EPERM:
            return (
                f"TAP {name}: not permitted; run as root or with CAP_NET_ADMIN, "
                f"or create it as root: ip tuntap add {name} mode tap user {_user()}"
            )
        case errno.EBUSY | errno.E2BIG:
            return f"TAP {name}: in use by another process; stop that one, or use another --tap"
        case errno.EINVAL:
            return f"device {name}: exists, but is not a TAP; use another --tap"
        case _:
            return f"TAP {name}: cannot be opened ({error.strerror}); use another --tap"


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _set_offloads(fd: int, wanted: int) -> int:
    """Set *wanted*, or the part of it that the kernel supports; return the mask that was set."""
    for mask in (wanted, wanted & ~_USO, wanted & linux.TUN_F_CSUM):
        try:
            fcntl.ioctl(fd, linux.TUNSETOFFLOAD, mask)
        except OSError:
            continue
        return mask
    return 0
