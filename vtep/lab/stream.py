"""Send or receive a TCP transfer with a checksum: `python -m vtep.lab.stream receive | send ...`.

The sender generates its octets from a seed, so only the network transports them. Each end prints
{"octets": n, "sha256": "..."} of the octets that it sent or received.
"""

import argparse
import hashlib
import json
import os
import random
import socket

_CHUNK = 1 << 16
_IDLE_SECONDS = 60.0  # timeout of a stalled transfer


def receive(address: str, ready_fd: int) -> None:
    """Accept one connection on a free port, whose decimal number is written to `ready_fd`."""
    digest, octets = hashlib.sha256(), 0
    buffer = memoryview(bytearray(_CHUNK))
    with socket.create_server((address, 0), family=family_of(address)) as server:
        server.settimeout(_IDLE_SECONDS)
        os.write(ready_fd, b"%d\n" % server.getsockname()[1])
        os.close(ready_fd)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(_IDLE_SECONDS)
            while got := connection.recv_into(buffer):
                digest.update(buffer[:got])
                octets += got
    _print_result(octets, digest.hexdigest())


def send(address: str, port: int, octets: int, seed: int) -> None:
    """Connect and send `octets` pseudo-random octets generated from `seed`."""
    digest, source = hashlib.sha256(), random.Random(seed)
    with socket.create_connection((address, port), timeout=_IDLE_SECONDS) as connection:
        for start in range(0, octets, _CHUNK):
            chunk = source.randbytes(min(_CHUNK, octets - start))
            digest.update(chunk)
            connection.sendall(chunk)
    _print_result(octets, digest.hexdigest())


def family_of(address: str) -> socket.AddressFamily:
    """Return the address family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _print_result(octets: int, sha256: str) -> None:
    print(json.dumps({"octets": octets, "sha256": sha256}))


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    ends = parser.add_subparsers(required=True, dest="end")
    receiver = ends.add_parser("receive")
    receiver.add_argument("address")
    receiver.add_argument("ready_fd", type=int)
    sender = ends.add_parser("send")
    sender.add_argument("address")
    for number in ("port", "octets", "seed"):
        sender.add_argument(number, type=int)
    arguments = parser.parse_args()
    if arguments.end == "receive":
        receive(arguments.address, arguments.ready_fd)
    else:
        send(arguments.address, arguments.port, arguments.octets, arguments.seed)


if __name__ == "__main__":
    _main()
