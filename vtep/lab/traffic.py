"""Send traffic between containers: ping, iperf3, and TCP transfers with a checksum."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtep.lab.errors import LabError
from vtep.lab.host import Container
from vtep.lab.netns import Netns
from vtep.lab.process import Process
from vtep.lab.ready import start_ready
from vtep.lab.wait import GENEROUS_S, wait_until

IPERF3_PORT = 5201
_TCP_LISTEN = "0A"  # net/tcp_states.h, as /proc/net/tcp shows it


@dataclass(frozen=True, slots=True)
class Ping:
    """The result of ping(8); `times` are round trips in seconds. True if nothing was lost."""

    sent: int
    received: int
    times: tuple[float, ...]

    def __bool__(self) -> bool:
        """Tell whether every request was answered."""
        return 0 < self.sent <= self.received


def ping(
    source: Netns,
    address: str,
    *,
    count: int = 1,
    size: int = 56,
    interval: float = 0.05,
    timeout: float = 10.0,
    dont_fragment: bool = False,
) -> Ping:
    """Send `count` echo requests with `size` octets of data; wait `timeout` s for the last reply.

    Lost requests are a result, not an error. After a loss, neighbour entries without an answer are
    deleted, because they would delay the next ping.

    Raises:
        LabError: ping cannot run, for example without a route.
    """
    argv = ["ping", "-n", "-c", str(count), "-s", str(size), "-i", f"{interval:g}"]
    argv += ["-W", f"{timeout:g}", *(["-M", "do"] if dont_fragment else []), address]
    done = source.run(argv, check=False, timeout=count * interval + timeout + GENEROUS_S)
    counted = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    if counted is None:
        raise LabError(f"ping from {source.name} to {address}: {done.stderr or done.stdout}")
    times = tuple(float(ms) / 1e3 for ms in re.findall(r" time[=<]([\d.]+) ms", done.stdout))
    result = Ping(int(counted[1]), int(counted[2]), times)
    if not result:
        source.flush_failed_neighbors()
    return result


@dataclass(frozen=True, slots=True)
class Throughput:
    """The result of an iperf3 client: bits per second as received, and its JSON report."""

    bits_per_second: float
    report: dict[str, Any]


@contextmanager
def iperf3_server(host: Netns, port: int = IPERF3_PORT) -> Iterator[Process]:
    """Run an iperf3 server in `host` during the block; it listens when the block starts."""
    with host.start(["iperf3", "--server", "--port", str(port)]) as server:
        wait_until(
            lambda: listens(server, port),
            what=f"iperf3 to listen on port {port} in {host.name}",
            seen=lambda: server.stderr() or server.stdout(),
        )
        yield server


def iperf3_command(
    address: str, *options: str, seconds: int = 3, streams: int = 1, udp: bool = False
) -> list[str]:
    """Return the client's command line, with a JSON report and TCP CUBIC.

    `options` are iperf3's own, for example "--reverse", "--bidir", "--bitrate", "1G".

    Raises:
        ValueError: `seconds` is below 1; iperf3 would run without end.
    """
    if seconds < 1:
        raise ValueError(f"iperf3 runs for at least one second, not {seconds}")
    kind = ["--udp"] if udp else ["--congestion", "cubic"]
    length = ["--time", str(seconds), "--parallel", str(streams)]
    return ["iperf3", "--client", address, "--json", *length, *kind, *options]


def iperf3_result(output: str) -> Throughput:
    """Parse the client's JSON report; LabError if it contains an error."""
    try:
        report: dict[str, Any] = json.loads(output)
    except ValueError:
        raise LabError(f"iperf3: output is not JSON: {output[-500:]!r}") from None
    if "error" in report:
        raise LabError(f"iperf3: {report['error']}")
    end = report["end"]
    total = end.get("sum_received", end.get("sum"))
    arrived = 1.0
    if "sum_received" not in end:  # before 3.11, iperf3 reports only the sender's sum for UDP
        arrived -= total["lost_percent"] / 100
    return Throughput(total["bits_per_second"] * arrived, report)


def iperf3(
    client: Netns,
    server: Container,
    *options: str,
    seconds: int = 3,
    streams: int = 1,
    udp: bool = False,
) -> Throughput:
    """Measure the throughput from `client` to `server`, or back with "--reverse"."""
    with iperf3_server(server):
        command = iperf3_command(
            server.address, *options, seconds=seconds, streams=streams, udp=udp
        )
        done = client.run(command, check=False, timeout=seconds + GENEROUS_S)
    return iperf3_result(done.stdout or done.stderr)


def listens(process: Process, port: int) -> bool:
    """Tell whether a TCP socket listens on `port` in the namespace of `process`."""
    if process.exit_code is not None:
        raise process.failure("ended instead of listening")
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{process.pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            _, local, _, state, *_ = line.split()
            if state == _TCP_LISTEN and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


class Transfer:
    """A running TCP transfer between two containers."""

    def __init__(self, receiver: Process, sender: Process, octets: int) -> None:
        self._receiver = receiver
        self._sender = sender
        self._octets = octets

    def finish(self, timeout: float = GENEROUS_S) -> None:
        """Wait for the end; LabError on failure or if received and sent octets differ."""
        for process in (self._sender, self._receiver):
            if process.wait(timeout) != 0:
                raise process.failure("failed")
        sent, got = json.loads(self._sender.stdout()), json.loads(self._receiver.stdout())
        if sent != got or sent["octets"] != self._octets:
            raise LabError(f"transfer of {self._octets} octets: sent {sent}, got {got}")


@contextmanager
def transferring(
    source: Netns, target: Container, octets: int, *, address: str | None = None, seed: int = 1
) -> Iterator[Transfer]:
    """Start a transfer of pseudo-random octets; the exit of the block ends it."""
    to = address or target.address
    receiver, port = start_ready(
        lambda fd: target.start_module("vtep.lab.stream", "receive", to, str(fd), pass_fds=[fd]),
        timeout=GENEROUS_S,
    )
    arguments = ["send", to, port.decode().strip(), str(octets), str(seed)]
    with receiver, source.start_module("vtep.lab.stream", *arguments) as sender:
        yield Transfer(receiver, sender, octets)


def transfer(
    source: Netns,
    target: Container,
    octets: int,
    *,
    address: str | None = None,
    timeout: float = GENEROUS_S,
) -> None:
    """Send pseudo-random octets by TCP; LabError if the received octets differ."""
    with transferring(source, target, octets, address=address) as under_way:
        under_way.finish(timeout)
