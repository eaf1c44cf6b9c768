"""Run a vtep with control socket between two hosts; the test has sockets at both ends."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from tests.netns.tunnels import options
from vtep.lab import Daemon, TwoHosts, two_hosts
from vtep.wire import vxlan

OTHER_PEER, STRANGER = "10.0.1.42", "10.0.1.99"
METRICS_PORT = 9478
VTEP = [sys.executable, "-m", "vtep"]


class Site(NamedTuple):
    """The daemon on h1, a socket in its container, and two on h2: a peer's and a stranger's."""

    lab: TwoHosts
    daemon: Daemon
    inside: socket.socket
    peer: socket.socket
    stranger: socket.socket

    def web(self) -> tuple[str, int]:
        """Return address and port of its --web socket."""
        (place,) = [str(record["web"]) for record in self.daemon.log if "web" in record]
        address, _, port = place.rpartition(":")
        return address, int(port)

    def vtep(self, *words: str, code: int = 0) -> str:
        """Run `vtep WORDS` on the daemon's host and return its output."""
        done = self.lab.h1.run([*VTEP, *words], check=False)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self.vtep(*words, "-j"))


@contextmanager
def open_site() -> Iterator[Site]:
    """Run a vtep on h1 with two peers; both are sockets of this test on h2."""
    with ExitStack() as stack:
        lab = stack.enter_context(two_hosts())
        for address in (OTHER_PEER, STRANGER):
            lab.h2.ip("address", "add", f"{address}/24", "dev", lab.h2.device)
        udp = []
        for address in (lab.h2.address, OTHER_PEER, STRANGER):
            udp.append(stack.enter_context(lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            udp[-1].bind((address, vxlan.PORT))
        inside = stack.enter_context(lab.c1.socket(socket.AF_PACKET, socket.SOCK_RAW))
        inside.bind(("eth0", 0))
        metrics = f"{lab.h1.address}:{METRICS_PORT}"
        words = [*options(lab.h2), "--peer", OTHER_PEER, "--metrics", metrics]
        daemon = stack.enter_context(lab.h1.vtep(*words, "--web", "127.0.0.1:0", control=True))
        yield Site(lab, daemon, inside, udp[0], udp[2])
