"""Send bulk data between containers, with TCP sockets in their network namespaces."""

import hashlib
import os
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from tests.docker.segment import Site
from vtep.lab import GENEROUS_S
from vtep.lab.resource import Resource

PORT = 5000


class Transfer(Resource):
    """A running transfer of `size` random octets from `source` to `target`.

    With `hold_at` the receiver stops reading after that many octets, sets `holding`, and continues
    when `go_on` is set. So a test can act in the middle of the transfer.
    """

    def __init__(self, source: Site, target: Site, size: int, hold_at: int | None = None) -> None:
        self.holding = Event()
        self.go_on = Event()
        self._hold_at = size if hold_at is None else hold_at
        self._address = (target.address, PORT)
        self._data = os.urandom(size)
        self._listener = target.socket()
        self._client = source.socket()
        for end in (self._listener, self._client):
            end.settimeout(GENEROUS_S)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        self._listener.listen()
        self._threads = ThreadPoolExecutor(2)
        self._received: Future[str] = self._threads.submit(self._receive)
        self._sent: Future[None] = self._threads.submit(self._send)

    def close(self) -> None:
        """Let the receiver go on, close both ends, and wait for the threads."""
        self.go_on.set()
        for end in (self._client, self._listener):
            end.close()
        self._threads.shutdown()

    def _send(self) -> None:
        self._client.connect(self._address)
        self._client.sendall(self._data)
        self._client.shutdown(socket.SHUT_WR)

    def _receive(self) -> str:
        digest = hashlib.sha256()
        count = 0
        buffer = memoryview(bytearray(1 << 16))
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(GENEROUS_S)
            while octets := connection.recv_into(buffer):
                digest.update(buffer[:octets])
                count += octets
                if count >= self._hold_at and not self.holding.is_set():
                    self.holding.set()
                    self.go_on.wait(GENEROUS_S)
        return digest.hexdigest()

    def arrives_intact(self) -> bool:
        """Wait for the end; return whether received and sent octets have the same SHA-256.

        Raises:
            TimeoutError: the transfer made no progress for some seconds.
        """
        self._sent.result(120)
        return self._received.result(120) == hashlib.sha256(self._data).hexdigest()


def carries(source: Site, target: Site, size: int = 20_000_000) -> bool:
    """Tell whether `size` octets reach the other container unchanged."""
    with Transfer(source, target, size) as transfer:
        transfer.go_on.set()
        return transfer.arrives_intact()


def delivers(source: Site, target: Site, size: int, attempts: int = 5) -> bool:
    """Tell whether a UDP packet with `size` octets of data reaches the other container unchanged.

    The source fragments it if its own MTU demands that.
    """
    data = os.urandom(size)
    with target.socket(socket.SOCK_DGRAM) as receiver, source.socket(socket.SOCK_DGRAM) as sender:
        receiver.bind((target.address, PORT))
        receiver.settimeout(1)
        for _ in range(attempts):
            sender.sendto(data, (target.address, PORT))
            try:
                return receiver.recv(1 << 16) == data
            except TimeoutError:
                continue
    return False
