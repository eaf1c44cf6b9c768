"""Requests and responses of one byte over one TCP connection, like TCP_RR of netperf.

python -m bench.transactions respond ADDRESS READY_FD
python -m bench.transactions request ADDRESS PORT SECONDS

The responder listens on a free port, writes its number to READY_FD, and answers one connection
until it ends. The requester sends the next request when the response has arrived. It discards
WARM_UP_S, counts for SECONDS and prints {"tps": n, "median_us": t, "p99_us": t}.
"""

import argparse
import json
import os
import socket
import statistics
from time import perf_counter_ns

from bench.figures import percentile
from vtep.lab.stream import family_of

WARM_UP_S = 0.2
_NS = 1_000_000_000


def respond(address: str, ready_fd: int) -> None:
    """Send one byte for each byte received, until the other end closes the connection."""
    with socket.create_server((address, 0), family=family_of(address)) as server:
        os.write(ready_fd, b"%d\n" % server.getsockname()[1])
        os.close(ready_fd)
        connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        receive, send = connection.recv, connection.send
        while receive(1):
            send(b"r")


def request(address: str, port: int, seconds: float) -> None:
    """Run transactions one after the other, and print their rate and their times."""
    with socket.create_connection((address, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _transactions(connection, WARM_UP_S)
        times, took = _transactions(connection, seconds)
    figures = {
        "tps": len(times) * _NS / took,
        "median_us": statistics.median(times) / 1e3,
        "p99_us": percentile(times, 99) / 1e3,
    }
    print(json.dumps(figures), flush=True)


def _transactions(connection: socket.socket, seconds: float) -> tuple[list[int], int]:
    """Return the time of each transaction, and the time of all, in nanoseconds.

    Raises:
        ConnectionResetError: the other end has closed the connection.
    """
    receive, send = connection.recv, connection.send
    times: list[int] = []
    began = before = perf_counter_ns()
    ends = began + round(seconds * _NS)
    while before < ends:
        send(b"q")
        if not receive(1):
            raise ConnectionResetError("the other end has closed the connection")
        now = perf_counter_ns()
        times.append(now - before)
        before = now
    return times, before - began


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ends = parser.add_subparsers(required=True, dest="end")
    responder = ends.add_parser("respond")
    responder.add_argument("address")
    responder.add_argument("ready_fd", type=int)
    requester = ends.add_parser("request")
    requester.add_argument("address")
    requester.add_argument("port", type=int)
    requester.add_argument("seconds", type=float)
    given = vars(parser.parse_args())
    if given.pop("end") == "respond":
        respond(**given)
    else:
        request(**given)


if __name__ == "__main__":
    _main()
