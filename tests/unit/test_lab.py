"""The lab itself: it carries traffic, and it leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vtep.lab import (
    Lab,
    LabError,
    Process,
    Transfer,
    TwoHosts,
    enter,
    iperf3,
    is_vxlan,
    ping,
    transfer,
    two_hosts,
    wait_until,
)
from vtep.lab.command import environment, execute
from vtep.lab.interrupts import defer_signals
from vtep.lab.private import NETNS_DIRECTORY
from vtep.lab.ready import start_ready
from vtep.lab.topology import Family

netns = pytest.mark.netns
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def alive(pid: int) -> bool:
    """A killed process that its new parent has not reaped yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def join_by_kernel(lab: TwoHosts, *, tx_offload: bool = True) -> None:
    for host, peer in ((lab.h1, lab.h2), (lab.h2, lab.h1)):
        host.kernel_vxlan("vx0", 100, peer.address, "br0", tx_offload=tx_offload)


def test_waiting_ends_with_the_first_true_value() -> None:
    values = iter([0, "", [], "here", "later"])
    assert wait_until(lambda: next(values)) == "here"


def test_a_timeout_names_the_condition_and_the_state() -> None:
    started = time.monotonic()
    with pytest.raises(LabError, match=r"a miracle: timeout after 0\.05 s; state: only rain"):
        wait_until(lambda: False, 0.05, what="a miracle", seen=lambda: "only rain")
    assert time.monotonic() - started < 1


def test_the_error_of_a_failed_command_contains_its_output() -> None:
    with pytest.raises(LabError, match=r"cat /nowhere: exit code [1-9].*: .*No such file"):
        execute(["cat", "/nowhere"])
    assert execute(["cat", "/nowhere"], check=False).returncode != 0


def test_a_command_that_takes_too_long_is_killed() -> None:
    started = time.monotonic()
    with pytest.raises(LabError, match=r"sleep 60: not finished after 0\.1 s"):
        execute(["sleep", "60"], timeout=0.1)
    assert time.monotonic() - started < 5


def test_a_missing_program_is_named() -> None:
    with pytest.raises(LabError, match="no-such-program"):
        execute(["no-such-program"])


def test_a_process_keeps_its_output_and_its_exit_code_after_its_end() -> None:
    with Process([sys.executable, "-c", "import sys; print('out'); sys.exit('err')"]) as process:
        assert process.wait() == 1
    assert (process.stdout(), process.stderr()) == ("out\n", "err\n")
    with pytest.raises(LabError, match="has already ended: err"):
        process.signal(signal.SIGUSR1)


def test_a_process_that_ignores_sigterm_is_killed_at_the_end_of_its_block() -> None:
    deaf = (
        "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    )
    with Process([sys.executable, "-c", deaf]) as process:
        wait_until(process.stdout)
        with pytest.raises(LabError, match=r"still runs after 0\.1 s"):
            process.stop(timeout=0.1)
        assert process.exit_code == -signal.SIGKILL


def test_killing_the_lab_kills_its_processes() -> None:
    script = (
        "import signal, sys; from vtep.lab import Process, wait_until\n"
        f"p = Process({SLEEPER!r}); wait_until(p.stdout); print(p.pid, flush=True); signal.pause()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as lab:
        assert lab.stdout
        child = int(lab.stdout.readline())
        assert alive(child)
        lab.kill()
    wait_until(lambda: not alive(child), what="the started process to die with its parent")


def test_a_process_that_is_never_ready_is_ended_and_its_output_reported() -> None:
    started: list[Process] = []

    def start(fd: int) -> Process:
        started.append(Process(SLEEPER, pass_fds=[fd]))
        wait_until(started[0].stdout)
        return started[0]

    with pytest.raises(LabError, match=r"is not ready after 0\.1 s: up"):
        start_ready(start, 0.1)
    assert not alive(started[0].pid)


def test_a_transfer_that_arrives_altered_is_an_error() -> None:
    receiver, port = start_ready(
        lambda fd: Process(
            [sys.executable, "-m", "vtep.lab.stream", "receive", "127.0.0.1", str(fd)],
            pass_fds=[fd],
        ),
        10.0,
    )
    liar = f"import socket; socket.create_connection(('127.0.0.1', {int(port)})).sendall(b'abd')"
    claim = '{"octets": 3, "sha256": "ba7816bf"}'
    with (
        receiver,
        Process([sys.executable, "-c", f"{liar}; print({claim!r})"]) as sender,
        pytest.raises(LabError, match=r"transfer of 3 octets: sent .*ba7816bf.*, got .*a52d15"),
    ):
        Transfer(receiver, sender, 3).finish()


def test_a_deferred_ctrl_c_is_not_lost() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    steps = []

    def interrupted() -> None:
        with defer_signals():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("finished")
        steps.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@netns
def test_entering_a_second_time_changes_nothing() -> None:
    def namespaces() -> list[int]:
        return [os.stat(f"/proc/self/ns/{kind}").st_ino for kind in ("net", "mnt")]

    before = namespaces()
    enter()
    assert namespaces() == before


def test_the_process_enters_its_own_empty_namespaces() -> None:
    script = (
        "import os, json; from vtep.lab import enter, private\n"
        "ns = lambda: [os.readlink('/proc/self/ns/' + kind) for kind in ('net', 'mnt')]\n"
        "before = ns(); enter()\n"
        "print(json.dumps([before, ns(), os.listdir(private.NETNS_DIRECTORY)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    before, after, hosts = json.loads(done.stdout)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert hosts == []


ORDINARY_USER = """
import ctypes, os, sys, threading
from vtep.lab import LabError, ping, two_hosts
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: after setuid /proc/self is root's without it
if sys.argv[1] == "threads":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
try:
    with two_hosts() as lab:
        print("ping", bool(ping(lab.h1, lab.h2.address)))
except LabError as error:
    print("refused:", error)
"""


def as_ordinary_user(how: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ORDINARY_USER, how],
        capture_output=True,
        text=True,
        env=environment(),
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@netns
def test_an_ordinary_user_gets_the_lab_or_an_error() -> None:
    if os.geteuid() != 0:
        assert NETNS_DIRECTORY.is_dir()  # then this very process is in it as an ordinary user
        return
    probe = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    allowed = execute([*probe, "unshare", "-Ur", "true"], check=False).returncode == 0
    said = as_ordinary_user("alone")
    assert said == "ping True" if allowed else said.startswith("refused: user namespace: not root")
    assert "OPENBLAS_NUM_THREADS=1" in as_ordinary_user("threads")


@netns
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("tx_offload", [True, False])
def test_two_hosts_are_separate_until_a_tunnel_connects_them(
    family: Family, tx_offload: bool
) -> None:
    with two_hosts(family) as lab:
        assert ping(lab.h1, lab.h2.address)
        lost = ping(lab.c1, lab.c2.address, timeout=0.1)
        assert (lost.sent, lost.received, lost.times) == (1, 0, ())
        join_by_kernel(lab, tx_offload=tx_offload)
        back = ping(lab.c1, lab.c2.address, count=3)
        assert (back.received, len(back.times)) == (3, 3)
        transfer(lab.c1, lab.c2, 2_000_000)
        transfer(lab.c2, lab.c1, 1)


@netns
def test_three_hosts_share_one_underlay_and_one_overlay() -> None:
    with Lab() as lab:
        hosts = lab.hosts(3)
        assert [host.address for host in hosts] == ["10.0.1.4", "10.0.1.41", "10.0.1.42"]
        containers = []
        for number, host in enumerate(hosts, 1):
            others = [other.address for other in hosts if other is not host]
            host.kernel_vxlan("vx0", 7, others, host.bridge("br0"))
            containers.append(host.container(f"c{number}", "br0", f"172.18.0.1{number}/16"))
        for source in containers:
            for target in containers:
                assert ping(source, target.address)


@netns
@pytest.mark.parametrize("wire", [False, True])
def test_with_wire_the_underlay_carries_only_finished_packets(wire: bool) -> None:
    with two_hosts(wire=wire) as lab:
        join_by_kernel(lab)
        with lab.h1.capture("u1", is_vxlan) as capture:  # u2 merges before it shows
            assert iperf3(lab.c1, lab.c2, seconds=1).bits_per_second > 1e6
            longest = max(map(len, capture.frames()))
        assert longest <= 1514 if wire else longest > 1514


@netns
def test_iperf3_measures_udp_as_received() -> None:
    with two_hosts() as lab:
        join_by_kernel(lab)
        result = iperf3(lab.c1, lab.c2, "--bitrate", "10M", seconds=1, udp=True)
        assert 8e6 < result.bits_per_second < 12e6
        with pytest.raises(LabError, match=r"iperf3: .*unable to connect"):
            iperf3(lab.h1, lab.c2, seconds=1)


@netns
def test_a_capture_has_every_frame_as_it_was_on_the_wire(tmp_path: Path) -> None:
    plain = bytes.fromhex("02000000000202000000000108b5") + bytes(range(50))
    tagged = plain[:12] + b"\x81\x00\x60\x0a" + plain[12:]
    with two_hosts() as lab:
        sender = lab.c1.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with sender, lab.h1.capture("v-c1", lambda f: b"\x08\xb5" in f[12:18]) as capture:
            sender.bind(("eth0", 0))
            sender.send(plain)
            sender.send(tagged)
            assert capture.wait(2) == [plain, tagged]
            capture.save(tmp_path / "two.pcapng")
            with pytest.raises(LabError, match=r"3 captured frames: .*state: 2 frames"):
                capture.wait(3, timeout=0.05)
    from scapy.utils import rdpcap

    assert [bytes(packet) for packet in rdpcap(str(tmp_path / "two.pcapng"))] == [plain, tagged]


@netns
def test_a_failing_block_leaves_no_process_and_no_namespace() -> None:
    started: list[Process] = []

    def fail() -> None:
        with two_hosts() as lab:
            started.append(lab.c1.start(SLEEPER))
            assert {path.name for path in NETNS_DIRECTORY.iterdir()} == {"h1", "h2", "c1", "c2"}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not alive(started[0].pid)
    assert list(NETNS_DIRECTORY.iterdir()) == []


@netns
def test_a_host_that_fails_halfway_is_removed() -> None:
    with Lab() as lab:
        h1 = lab.host("h1")
        with pytest.raises(LabError, match="File exists"):
            lab.host("h1")
        with pytest.raises(LabError, match="nowhere"):
            h1.container("c1", "nowhere", "172.18.0.11/16")
    assert list(NETNS_DIRECTORY.iterdir()) == []


@netns
def test_a_vtep_that_does_not_start_reports_the_reason() -> None:
    with two_hosts() as lab:
        with pytest.raises(LabError, match=r"exit code 2 before it was ready: .*16777215"):
            lab.h1.vtep("--tap", "vx0", "--vni", "16777216", "--peer", lab.h2.address)
        with pytest.raises(LabError, match=r"is not ready after 0\.001 s"):
            lab.h1.vtep("--tap", "vx0", "--vni", "100", "--peer", lab.h2.address, timeout=0.001)
        assert not lab.h1.has_link("vx0")


@netns
def test_a_running_vtep_answers_and_its_failure_is_reported() -> None:
    options = ["--tap", "vx0", "--vni", "100", "--bridge", "br0", "--peer"]
    with two_hosts() as lab:
        lab.h2.kernel_vxlan("vx0", 100, lab.h1.address, "br0")
        with lab.h1.vtep(*options, lab.h2.address) as daemon:
            assert ping(lab.c1, lab.c2.address, count=4)
            assert daemon.counters()["overlays"]["100"]["rx_frames"] >= 4
            mac = lab.c2.link("eth0")["address"]
            assert [e["dst"] for e in daemon.fdb() if e["mac"] == mac] == [lab.h2.address]
        assert daemon.process.exit_code == 0
        with lab.h1.vtep(*options, lab.h2.address) as daemon:
            daemon.kill()
        with (
            pytest.raises(LabError, match="ended with exit code -9"),
            lab.h1.vtep(*options, lab.h2.address) as daemon,
        ):
            os.kill(daemon.pid, signal.SIGKILL)
        with pytest.raises(ZeroDivisionError), lab.h1.vtep(*options, lab.h2.address) as daemon:
            raise ZeroDivisionError
        assert not alive(daemon.pid)


SKIPPING = {
    "test_one.py": """
import pytest

@pytest.fixture
def f(): pytest.skip("by a fixture")

def test_fixture(f): pass

def test_call(): pytest.skip("by a call")

@pytest.mark.skip(reason="by a mark")
def test_mark(): pass

@pytest.mark.xfail(reason="known")
def test_expected_failure(): assert False
""",
    "test_two.py": "import pytest; pytest.skip('by a module', allow_module_level=True)",
}


def test_skipped_tests_fail_in_ci(tmp_path: Path) -> None:
    conftest = Path(__file__).parents[1] / "conftest.py"
    (tmp_path / "conftest.py").write_text(conftest.read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = netns: as in pyproject.toml\n")
    for name, body in SKIPPING.items():
        (tmp_path / name).write_text(body)

    def run(ci: str) -> subprocess.CompletedProcess[str]:
        options = ["-p", "no:cacheprovider", "--continue-on-collection-errors", str(tmp_path)]
        command = [sys.executable, "-m", "pytest", *options]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment({"CI": ci}), cwd=tmp_path
        )

    elsewhere, in_ci = run(""), run("true")
    assert elsewhere.returncode == 0
    assert "4 skipped, 1 xfailed" in elsewhere.stdout
    assert in_ci.returncode != 0
    assert "1 failed, 1 xfailed, 3 errors" in in_ci.stdout
    for way in ("fixture", "call", "mark", "module"):
        assert f"skipped in CI: Skipped: by a {way}" in in_ci.stdout
