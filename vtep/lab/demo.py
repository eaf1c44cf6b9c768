"""Run the demo: two hosts, two VTEPs, and the path of a frame, in under a minute."""

import contextlib
import shlex
import signal
import socket
import sys
import time
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from vtep.dissect import diagram, dissect
from vtep.lab.capture import Capture, is_vxlan
from vtep.lab.command import require
from vtep.lab.daemon import Daemon
from vtep.lab.errors import LabError
from vtep.lab.host import Host
from vtep.lab.interrupts import as_interrupt
from vtep.lab.live import address_of, generate_traffic, listen
from vtep.lab.topology import Lab, TwoHosts, hosts_with_containers
from vtep.lab.traffic import iperf3_command, iperf3_result, iperf3_server, ping
from vtep.lab.wait import GENEROUS_S

VNI = 100
_OVERHEAD = (
    ("outer IPv4 header", 20),
    ("UDP header", 8),
    ("VXLAN header", 8),
    ("inner Ethernet header", 14),
)

MORE = """\
Next steps: vtep lab (or make lab) opens a shell on these hosts; docs/learn has lessons for it.
vtep walk explains one frame byte by byte; vtep decode explains captured frames.
vtep demo --web (or make demo WEB=1) shows the live page in a browser."""

DRAWING = """\
   c1 172.18.0.11                                        c2 172.18.0.12
   eth0 |                                                eth0 |
   +----+---------------- h1 --------------+   +--------------+- h2 -----------------+
   |  br0 --- vx0 (TAP) === vtep === UDP   |---|   UDP === vtep === (TAP) vx0 --- br0 |
   |                         u1 10.0.1.4   |   |   10.0.1.41 u2                       |
   +---------------------------------------+   +--------------------------------------+"""


def run(seconds: int, web_port: int | None = None) -> int:
    """Show the demo on the terminal, remove everything it created, and return the exit code.

    With `web_port` the vtep of h1 serves the live page at this port of the caller's own loopback
    address, and the lab then stays until Ctrl-C.

    Raises:
        LabError: a program is missing, the port is in use, or a step fails.
    """
    require("ping", "iperf3")
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, emoji=False, width=None if terminal else 110)
    try:
        with (
            as_interrupt(signal.SIGTERM),
            as_interrupt(signal.SIGINT),  # a shell starts background jobs with it ignored
            contextlib.nullcontext() if web_port is None else listen(web_port) as page,
            Lab() as lab,
        ):
            h1, h2 = hosts_with_containers(lab, 2)
            scene = TwoHosts(h1, h2, h1.containers[0], h2.containers[0])
            _show(console, scene, seconds, page)
    except KeyboardInterrupt:
        console.print("\nInterrupted. The demo has removed its hosts, devices and processes.")
        return 130
    console.print(
        "The demo has removed its hosts, devices and processes: nothing is left on this machine."
    )
    console.print(MORE, markup=False)
    return 0


def _show(console: Console, lab: TwoHosts, seconds: int, page: socket.socket | None) -> None:
    _heading(
        console, "Two hosts with one container each; only the network 10.0.1.0/24 connects them"
    )
    console.print(DRAWING, style="cyan", markup=False)
    _heading(console, "Before the tunnel: c1 cannot reach c2")
    _ping(console, lab, expected=False)
    with lab.h1.capture("u1", is_vxlan) as capture, contextlib.ExitStack() as tunnel:
        _heading(console, "Start a VTEP with one command on each host")
        ends = [
            _start(console, tunnel, lab.h1, lab.h2, page),
            _start(console, tunnel, lab.h2, lab.h1, None),
        ]
        _heading(console, "With the tunnel: the same ping succeeds")
        _ping(console, lab, expected=True)
        _heading(console, "The first frame on the underlay, captured on u1")
        _first_frame(console, capture)
        _heading(console, "The MAC addresses that both VTEPs have learned from frames")
        _learned(console, lab)
        capture.close()
        _heading(console, f"TCP throughput from c1 to c2, measured by iperf3 for {seconds} s")
        _throughput(console, lab, seconds)
        _heading(console, "The counters of the VTEP on h1")
        _run_vtep(console, lab.h1, "show", "-s")
        if page is not None:
            _heading(console, "The live page of the VTEP on h1; c1 and c2 keep sending traffic")
            console.print(f"   {address_of(page)}   (Ctrl-C ends it)")
            generate_traffic(lab.c1, lab.c2)
        _heading(console, "Stop both VTEPs with SIGTERM")
        for host, end in zip((lab.h1, lab.h2), ends, strict=True):
            console.print(f"vtep on {host.name}: exit code {end.stop()}")


def _start(
    console: Console,
    tunnel: contextlib.ExitStack,
    host: Host,
    peer: Host,
    page: socket.socket | None,
) -> Daemon:
    arguments = ["--tap", "vx0", "--vni", str(VNI), "--peer", peer.address, "--bridge", "br0"]
    _prompt(console, host.name, ["vtep", *arguments])
    web = [] if page is None else [page.fileno()]
    more = [word for fd in web for word in ("--web", f"fd:{fd}")]
    daemon = tunnel.enter_context(host.vtep(*arguments, *more, control=True, pass_fds=web))
    for record in daemon.log:
        console.print(f"   {escape(str(record['message']))}", style="dim")
    return daemon


def _ping(console: Console, lab: TwoHosts, *, expected: bool) -> None:
    address = lab.c2.address
    _prompt(console, "c1", ["ping", "-c", "3", address])
    result = ping(lab.c1, address, count=3, interval=0.2, timeout=1.0)
    times = ", ".join(f"{seconds * 1e3:.2f} ms" for seconds in result.times)
    console.print(
        f"   {result.sent} sent, {result.received} received" + (f": {times}" if times else ""),
        style="green" if result else "red",
    )
    if bool(result) != expected:
        raise LabError(f"ping from c1 to c2: expected to {'succeed' if expected else 'fail'}")


def _first_frame(console: Console, capture: Capture) -> None:
    first = capture.wait()[0]
    table = _table(console, "offset", "bytes", "header", "field", "value", "meaning")
    headers = dissect(first)
    for header in headers:
        name = f"{'inner ' if header.key.startswith('inner') else ''}{header.name}"
        for field in header.fields:
            if field.name == "R":  # reserved bits, all zero: the drawing shows them
                continue
            at = field.at // 8
            octets = first[at : (field.at + field.bits + 7) // 8]
            shown = octets.hex(" ", -4) if len(octets) > 6 else octets.hex(" ")
            row = (str(at), shown, name, field.name, field.text, field.meaning)
            table.add_row(*map(escape, row), style="bold" if header.key == "vxlan" else "")
            name = ""
        table.add_section()
    console.print(table)
    for header in headers:
        if header.key == "vxlan":
            console.print("   The VXLAN header, bit by bit (R is reserved):")
            console.print("\n".join(f"   {line}" for line in diagram(header)), markup=False)
    total = sum(octets for _, octets in _OVERHEAD)
    sum_text = " + ".join(f"{octets} {name}" for name, octets in _OVERHEAD)
    console.print(f"   The tunnel adds {total} bytes to an IP packet:\n   {sum_text}.")
    console.print(
        f"   So vx0 has MTU {1500 - total} where the underlay has 1500. An MTU is the size of an\n"
        "   IP packet: it includes the inner Ethernet header, but not the outer one."
    )


def _learned(console: Console, lab: TwoHosts) -> None:
    for host in (lab.h1, lab.h2):
        _run_vtep(console, host, "fdb", "show")
    owners = ", ".join(f"{c.link('eth0')['address']} is {c.name}" for c in (lab.c1, lab.c2))
    console.print(f"   {owners}.")
    console.print("   00:00:00:00:00:00 is the flood list, for broadcast and unknown destinations.")


def _run_vtep(console: Console, host: Host, *words: str) -> None:
    """Show a command that queries the host's vtep, and its output."""
    _prompt(console, host.name, ["vtep", *words])
    output = host.run([sys.executable, "-m", "vtep", *words]).stdout
    console.print("\n".join(f"   {line}" for line in output.splitlines()), markup=False)


def _throughput(console: Console, lab: TwoHosts, seconds: int) -> None:
    command = iperf3_command(lab.c2.address, seconds=seconds)
    _prompt(console, "c1", command)
    columns = (TextColumn("  "), BarColumn(), TextColumn("{task.fields[rate]}"))
    with (
        iperf3_server(lab.c2),
        lab.c1.start(command) as client,
        Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress,
    ):
        task = progress.add_task("iperf3", total=seconds, rate="")
        started, octets = time.monotonic(), _received(lab)
        while client.exit_code is None and time.monotonic() < started + seconds + GENEROUS_S:
            with contextlib.suppress(LabError):
                client.wait(0.5)
            now, got = time.monotonic(), _received(lab)
            rate = (got - octets) * 8 / (now - started) / 1e9
            progress.update(task, completed=now - started, rate=f"{rate:.2f} Gb/s at c2")
        if client.wait(0.1) != 0:
            raise client.failure("failed")
        result = iperf3_result(client.stdout())
    console.print(f"   [green]{result.bits_per_second / 1e9:.2f} Gb/s[/green] through both VTEPs")


def _received(lab: TwoHosts) -> int:
    return int(lab.c2.link("eth0")["stats64"]["rx"]["bytes"])


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{escape(text)}[/bold]")


def _prompt(console: Console, host: str, argv: Sequence[str]) -> None:
    console.print(f"[bold blue]{host} $[/bold blue] {escape(shlex.join(argv))}")


def _table(console: Console, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else box.ASCII, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("offset", "field"))
    return table
