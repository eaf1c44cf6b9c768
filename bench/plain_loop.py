"""The simplest VTEP that works: one read and one sendto for every frame.

    python -m bench.plain_loop TAP VNI LOCAL PEER READY_FD

It has one peer, no FDB, no offload, and poll(2) instead of an event loop. It supports IPv4 and
IPv6, and shares no code with vtep, whose design is compared with it.
"""

import os
import select
import socket
import sys

import pytun

_PORT = 4789
_MAX_BATCH = 64  # frames of one direction before the other is served
_BUFFER = 4 << 20  # octets of socket buffer, as for the other tunnels
_FRAME = 65_536
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # asm-generic/socket.h


def main(tap_name: str, vni: int, local: str, peer: str, ready_fd: int) -> None:
    """Forward until SIGTERM."""
    header = bytes.fromhex("08000000") + vni.to_bytes(3, "big") + b"\0"
    tap = pytun.TunTapDevice(name=tap_name, flags=pytun.IFF_TAP | pytun.IFF_NO_PI)
    os.set_blocking(tap.fileno(), False)
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    underlay = socket.socket(family, socket.SOCK_DGRAM)
    underlay.setblocking(False)
    for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
        underlay.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    underlay.bind((local, _PORT))
    os.write(ready_fd, b"\n")
    os.close(ready_fd)
    poller = select.poll()
    poller.register(tap.fileno(), select.POLLIN)
    poller.register(underlay.fileno(), select.POLLIN)
    while True:
        for fd, _ in poller.poll():
            if fd == tap.fileno():
                _encapsulate(fd, underlay, header, (peer, _PORT))
            else:
                _decapsulate(tap.fileno(), underlay, header)


def _encapsulate(tap: int, underlay: socket.socket, header: bytes, peer: tuple[str, int]) -> None:
    for _ in range(_MAX_BATCH):
        try:
            underlay.sendto(header + os.read(tap, _FRAME), peer)
        except BlockingIOError:
            return


def _decapsulate(tap: int, underlay: socket.socket, header: bytes) -> None:
    for _ in range(_MAX_BATCH):
        try:
            datagram = underlay.recv(_FRAME)
            if datagram[:8] == header:
                os.write(tap, datagram[8:])
        except OSError:  # no more data, or the TAP is not up yet
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
