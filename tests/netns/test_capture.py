"""Captures of a running daemon, as tshark reads them."""

import itertools
import re
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.frames import MAC_B, MAC_C, frame
from tests.netns.watched import VLAN, VTEP, Site, open_watched, sending_frames
from vtep.lab import GENEROUS_S, Container, Process, ping, transfer, wait_until
from vtep.pcap import RAW_IP, Record, read
from vtep.wire import ip, vxlan

pytestmark = pytest.mark.netns

UDP_COUNT = 300
UDP_PORT = 7000
OUTER_LEN = 20 + 8 + 8


@pytest.fixture(scope="module")
def site(private_namespace: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_watched(tmp_path_factory.mktemp("site")) as made:
        yield made


@contextmanager
def capturing(site: Site, path: Path, *options: str) -> Iterator[Process]:
    """Capture for the length of the block; Ctrl-C ends what has not ended by then."""
    with site.command("capture", "-o", str(path), *options) as process:
        wait_until(path.exists, what="a capture", seen=process.stderr)
        yield process
        if process.exit_code is None:
            process.signal(signal.SIGINT)
        assert process.wait() == 0, process.stderr()


def records(path: Path) -> list[Record]:
    with path.open("rb") as file:
        return list(read(file))


def payload(octets: bytes) -> bytes | None:
    """Return what a TCP segment, or GSO frame, carries; None if it is not TCP."""
    found = ip.locate(octets)
    if found is None or found.protocol != ip.TCP:
        return None
    return octets[found.l4 + (octets[found.l4 + 12] >> 4) * 4 : found.end]


def masked(octets: bytes, partial: bool) -> bytes:
    """Return a frame, without its transport checksum if it is *partial* inside."""
    found = ip.locate(octets) if partial else None
    if found is None:
        return octets
    at = found.l4 + ip.CHECKSUM_AT[found.protocol]
    return octets[:at] + bytes(2) + octets[at + 2 :]


@pytest.fixture(scope="module")
def everything(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Capture some of everything; the transfers and the datagrams in order are checked, too."""
    path = tmp_path_factory.mktemp("capture") / "all.pcapng"
    c1, c2 = site.lab.c1, site.lab.c2
    target = (site.lab.h1.address, vxlan.PORT)
    good = vxlan.pack(100)
    with capturing(site, path):
        assert ping(c1, c2.address, count=3)
        transfer(c1, c2, 600_000)
        transfer(c2, c1, 600_000)
        assert in_order(c1, c2) == list(range(UDP_COUNT))
        for datagram, sender in (
            (vxlan.pack(7) + frame(), site.peer),
            (bytes(8) + frame(), site.peer),
            (good[:5], site.peer),
            (good + frame(MAC_B, vlan=3), site.peer),
            (good + frame(MAC_C), site.stranger),
        ):
            sender.sendto(datagram, target)
        with sending_frames(site.trunk) as send:
            send(frame(MAC_B, "ff:ff:ff:ff:ff:ff", vlan=VLAN))
            send(frame(MAC_B, "ff:ff:ff:ff:ff:ff", vlan=99))
        wait_until(
            lambda: site.daemon.ask("/v1/stats")["counters"]["taps"]["trunk0"]["drops"],
            what="the last of them to be dropped",
        )
    return path


def in_order(source: Container, target: Container) -> list[int]:
    """Send numbered datagrams, and return the numbers that arrived."""
    with (
        target.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving,
        source.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
    ):
        receiving.bind((target.address, UDP_PORT))
        receiving.settimeout(GENEROUS_S)
        for number in range(UDP_COUNT):
            sending.sendto(number.to_bytes(4, "big") * 100, (target.address, UDP_PORT))
        return [int.from_bytes(receiving.recv(4), "big") for _ in range(UDP_COUNT)]


def test_inside_and_outside_agree_to_the_octet(everything: Path) -> None:
    seen: Counter[str] = Counter()
    for _, group in itertools.groupby(records(everything), lambda one: one.time):
        both = list(group)
        inner = [one.octets for one in both if one.interface.link != RAW_IP]
        outer = [one.octets[OUTER_LEN:] for one in both if one.interface.link == RAW_IP]
        way, tap = both[0].direction, both[0].interface.name.removesuffix("-underlay")
        if not inner or not outer:
            seen["dropped"] += 1
            assert both[0].comments[0].startswith("dropped: ")
        elif payload(inner[0]) is not None and payload(outer[0]):
            assert b"".join(payload(one) or b"" for one in inner) == b"".join(
                payload(one) or b"" for one in outer
            )
            seen[f"TCP {way}"] += 1
            seen[f"GSO frame {way}"] += len(inner) < len(outer)
        elif tap == "trunk0":
            assert outer == [inner[0][:12] + inner[0][16:]]
            seen["trunk"] += 1
        else:
            partial = "partial checksum" in both[0].comments[0]
            assert [masked(one, partial) for one in inner] == [
                masked(one, partial) for one in outer
            ]
            seen[str(way)] += 1
    assert seen["dropped"] == 6
    assert seen["trunk"] >= 1
    assert seen["out"] >= 300 + 4
    assert seen["in"] >= 4
    assert min(seen["GSO frame out"], seen["GSO frame in"]) > 0, seen


def test_tshark_verifies_every_packet(everything: Path) -> None:
    rows = tshark(
        everything,
        *["frame.interface_name", "frame.comment", "ip.checksum.status", "udp.checksum.status"],
        *["tcp.checksum.status", "vxlan.vni", "_ws.malformed", "udp.dstport", "frame.len"],
    )
    comments: Counter[str] = Counter()
    for device, comment, ip_status, udp_status, tcp_status, vni, malformed, port, _ in rows:
        assert comment
        comments[comment.partition(": ")[0].partition(";")[0]] += 1
        if not device.endswith("-underlay"):
            continue
        assert "4789" in port.split(",")[0]
        assert ip_status.startswith("1"), comment
        assert udp_status.startswith("1"), comment
        assert "0" not in tcp_status, comment  # inside, too: the kernel cannot, so we did
        if not comment.startswith("dropped: short"):
            assert vni, comment
            assert not malformed, comment
    words = [row[1] for row in rows]
    for reason in (
        "unknown_vni",
        "bad_flags",
        "short",
        "inner_vlan",
        "unknown_peer",
        "unknown_vlan",
    ):
        assert sum(f"dropped: {reason}: " in line for line in words) == 1, reason
    assert any("broadcast: flooded to 10.0.1.41; source" in line for line in words)
    assert any(re.search(r"of \d+ segments", line) for line in words)
    assert any("datagrams merged" in line for line in words)


def test_tshark_decodes_exactly_the_inner_octets(everything: Path) -> None:
    """Where it finds the inner Ethernet header in a packet outside begins the frame inside."""
    done = subprocess.run(
        ["tshark", "-r", str(everything), "-c", "12", "-T", "pdml"],
        capture_output=True,
        text=True,
        check=True,
        timeout=GENEROUS_S,
    )
    packets = re.findall(r"<packet>.*?</packet>", done.stdout, re.DOTALL)
    found = records(everything)[:12]
    pairs = 0
    for number, packet in enumerate(packets):
        tunnel = re.search(
            r'<proto name="vxlan".*?<proto name="eth"[^>]*pos="(\d+)"', packet, re.DOTALL
        )
        if tunnel:
            [inner] = [
                one.octets
                for one in found
                if one.time == found[number].time and one.interface.link != RAW_IP
            ]
            assert found[number].octets[int(tunnel[1]) :] == inner
            pairs += 1
    assert pairs == 6


def tshark(path: Path, *fields: str) -> list[list[str]]:
    """Return the fields of every packet, checksums verified."""
    verify = [f"{layer}.check_checksum:TRUE" for layer in ("ip", "udp", "tcp")]
    done = subprocess.run(
        [
            *["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|"],
            *itertools.chain.from_iterable(("-o", one) for one in verify),
            *itertools.chain.from_iterable(("-e", one) for one in fields),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=GENEROUS_S,
    )
    return [line.split("|") for line in done.stdout.splitlines()]


def test_the_file_has_the_frames_of_the_filter(site: Site, tmp_path: Path) -> None:
    c1, c2 = site.lab.c1, site.lab.c2
    mac = c2.link("eth0")["address"]
    paths = [tmp_path / name for name in ("count", "mac", "reason")]
    with (
        capturing(site, paths[0], "vx0", "--count", "3") as counted,
        capturing(site, paths[1], "--mac", mac, "--snaplen", "60"),
        capturing(site, paths[2], "--reason", "any"),
    ):
        assert ping(c1, c2.address, count=5)
        site.peer.sendto(bytes(8), (site.lab.h1.address, vxlan.PORT))
        assert counted.wait() == 0
        wait_until(lambda: records(paths[2]), what="a drop in the file")
    assert counted.stderr() == "vtep: captured 3 frames inside, 3 packets outside\n"
    assert len(records(paths[0])) == 6
    kept = records(paths[1])
    assert len(kept) >= 20
    assert max(len(one.octets) for one in kept) == 60
    assert max(one.size for one in kept) == 98 + OUTER_LEN
    [dropped] = records(paths[2])
    assert dropped.comments[0].startswith("dropped: bad_flags: ")


def test_a_closed_pipe_ends_the_capture(site: Site) -> None:
    capture = " ".join([*VTEP, "capture", "-o", "-"])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {capture} | head -c 100 | wc -c"],
        capture_output=True,
        text=True,
        timeout=GENEROUS_S,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "100")
    assert done.stderr == "vtep: captured 0 frames inside, 0 packets outside\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mac", "2"], "mac '2'"),
        (["--reason", "badflags"], "did you mean 'bad_flags'?"),
        (["--socket", "/run/none"], "/run/none: no vtep listens there"),
        (["vx7"], "TAP vx7"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(
    site: Site, tmp_path: Path, words: list[str], said: str
) -> None:
    path = tmp_path / "x.pcapng"
    with site.command("capture", "-o", str(path), *words) as process:
        assert process.wait() == 2
    assert process.stderr().startswith("vtep: error: ")
    assert said in process.stderr()
    assert process.stderr().count("\n") == 1
    assert not path.exists()
