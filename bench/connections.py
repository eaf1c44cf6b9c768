"""Many TCP connections at the same time, with writes of random length.

python -m bench.connections receive ADDRESS READY_FD SECONDS
python -m bench.connections send ADDRESS PORT --connections N --low OCTETS --high OCTETS --seed S
    [--pace WRITES]

The receiver listens on a free port and writes its number to READY_FD. It counts for SECONDS from
the first octet on, prints {"octets": n, "seconds": s}, and resets all connections, which ends the
sender. Lengths are uniform from --low to --high, the same sequence for the same seed. With --pace,
all connections together start that many writes a second, and each write leaves as one GSO frame.
Without it, TCP merges writes.
"""

import argparse
import json
import os
import random
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from vtep.lab.stream import family_of

_LENGTHS = 1 << 14
"""Number of random lengths, drawn in advance; they repeat."""
_BUFFER = 1 << 18
_TURN_S = 0.1
_TICK_S = 0.005
_TIMEOUT_S = 20.0
"""Either end fails after this time without traffic."""


def receive(address: str, ready_fd: int, seconds: float) -> None:
    """Accept connections, count the octets of all of them, and print the count."""
    buffer = bytearray(_BUFFER)
    readers: dict[int, Callable[[bytearray], int]] = {}
    connections = []
    octets, began, ends = 0, 0.0, time.monotonic() + _TIMEOUT_S
    with socket.create_server((address, 0), family=family_of(address), backlog=4096) as server:
        os.write(ready_fd, b"%d\n" % server.getsockname()[1])
        os.close(ready_fd)
        server.setblocking(False)
        poll = select.epoll()
        poll.register(server, select.EPOLLIN)
        while (now := time.monotonic()) < ends:
            for fd, _ in poll.poll(_TURN_S):
                if fd != server.fileno():
                    octets += readers[fd](buffer)
                    continue
                connection, _ = server.accept()
                connection.setblocking(False)
                connections.append(connection)
                readers[connection.fileno()] = connection.recv_into
                poll.register(connection, select.EPOLLIN)
            if octets and not began:
                began = now
                ends = began + seconds
    if not octets:
        raise TimeoutError(f"nothing arrived within {_TIMEOUT_S:g} s")
    print(json.dumps({"octets": octets, "seconds": time.monotonic() - began}), flush=True)


def send(
    address: str, port: int, connections: int, low: int, high: int, seed: int, pace: int | None
) -> None:
    """Write pieces of random length to each connection in turn, until the receiver resets them."""
    source = random.Random(seed)
    whole = memoryview(source.randbytes(high))
    pieces = [whole[: source.randint(low, high)] for _ in range(_LENGTHS)]
    writers: dict[int, Callable[[memoryview], int]] = {}
    left: dict[int, memoryview] = {}
    """Parts of pieces that did not fit into the socket's buffer yet."""
    opened = [socket.create_connection((address, port), _TIMEOUT_S) for _ in range(connections)]
    for connection in opened:
        connection.setblocking(False)
        if pace is not None:  # else Nagle's algorithm holds back the end of a write
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        writers[connection.fileno()] = connection.send
    number = 0
    with suppress(ConnectionResetError, BrokenPipeError):
        for fd in _writable(list(writers)) if pace is None else _paced(list(writers), pace):
            piece = left.pop(fd, None)
            if piece is None:
                number = (number + 1) % _LENGTHS
                piece = pieces[number]
            try:
                sent = writers[fd](piece)
            except BlockingIOError:
                sent = 0
            if sent < len(piece):
                left[fd] = piece[sent:]


def _writable(fds: list[int]) -> Iterator[int]:
    """Yield sockets that can be written to."""
    poll = select.epoll()
    for fd in fds:
        poll.register(fd, select.EPOLLOUT)
    while ready := poll.poll(_TIMEOUT_S, len(fds)):
        for fd, _ in ready:
            yield fd
    raise TimeoutError(f"nothing could be written for {_TIMEOUT_S:g} s")


def _paced(fds: list[int], pace: int) -> Iterator[int]:
    """Yield *pace* sockets a second, in turn."""
    began, yielded = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * pace)
        while yielded < due:
            yield fds[yielded % len(fds)]
            yielded += 1
        time.sleep(_TICK_S)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ends = parser.add_subparsers(required=True, dest="end")
    receiver = ends.add_parser("receive")
    receiver.add_argument("address")
    receiver.add_argument("ready_fd", type=int)
    receiver.add_argument("seconds", type=float)
    sender = ends.add_parser("send")
    sender.add_argument("address")
    sender.add_argument("port", type=int)
    for option in ("--connections", "--low", "--high", "--seed"):
        sender.add_argument(option, type=int, required=True)
    sender.add_argument("--pace", type=int)
    given = vars(parser.parse_args())
    if given.pop("end") == "receive":
        receive(**given)
    else:
        send(**given)


if __name__ == "__main__":
    _main()
