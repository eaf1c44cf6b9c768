"""`vtep decode`: verdicts, inputs and output."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectors.corpus import corpus
from tests.vectors.example import capture
from vtep import pcap
from vtep.cli.dispatch import run as run_command
from vtep.dataplane.counters import Drop
from vtep.decode.inputs import guess
from vtep.errors import UsageError

ROOT = Path(__file__).parents[2]
CAPTURE = ROOT / "docs" / "examples" / "tunnel.pcapng"
ARP = dict(corpus())["IPv4: ARP request"]
ECHO = dict(corpus())["IPv4: ICMP echo"]


def decoded(capsys: pytest.CaptureFixture[str], octets: bytes, *options: str) -> dict[str, Any]:
    """Return the JSON object of one frame."""
    code = run_command("decode", [octets.hex(), "--json", *options])
    (one,) = json.loads(capsys.readouterr().out)
    verdict = one["verdict"]
    assert code == (verdict is not None and verdict["what"] == "dropped")
    assert isinstance(one, dict)
    return one


def with_octet(octets: bytes, at: int, value: int) -> bytes:
    return octets[:at] + bytes([value]) + octets[at + 1 :]


def without_checksum(octets: bytes) -> bytes:
    return octets[:40] + b"\0\0" + octets[42:]


BARE = without_checksum(ECHO)
TAGGED = without_checksum(dict(corpus())["IPv4: 802.1Q"])


@pytest.mark.parametrize(
    ("octets", "options", "reason"),
    [
        (ARP, [], None),
        (BARE[42:], [], None),
        (BARE[14:], [], None),
        (BARE, ["--vni", "100", "--peer", "10.0.1.41"], None),
        (BARE, ["--peer", "10.0.1.9", "--accept-any"], None),
        (BARE, ["--peer", "10.0.1.9, 10.0.1.41", "--vni", "0x64"], None),
        (BARE, ["--local", "10.0.1.4"], None),
        (TAGGED, ["--vlan", "pass"], None),
        (BARE, ["--vni", "101"], Drop.UNKNOWN_VNI),
        (BARE, ["--peer", "10.0.1.9"], Drop.UNKNOWN_PEER),
        (BARE, ["--local", "10.0.1.9"], "other_host"),
        (BARE[42:], ["--local", "192.0.2.1"], Drop.SELF_SOURCE),
        (TAGGED, [], Drop.INNER_VLAN),
        (TAGGED, ["--vlan", "10"], Drop.INNER_VLAN),
        (with_octet(BARE, 42, 0), [], Drop.BAD_FLAGS),
        (with_octet(BARE, 56, 1), [], Drop.INVALID_SOURCE),
        (BARE[42:60], [], Drop.RUNT),
        (BARE[42:47], [], Drop.SHORT),
        (BARE[42:] + bytes(65400), [], None),
        (BARE[42:] + bytes(65500), [], "udp_length"),
        (with_octet(BARE, 22, 65), [], "ip_checksum"),
        (with_octet(BARE, 14, 0x55), ["--from", "ethernet"], "ip_version"),
        (with_octet(ECHO, 41, ECHO[41] ^ 1), [], "udp_checksum"),
        (BARE[:-1], [], "ip_length"),
        (with_octet(BARE, 39, BARE[39] + 1), [], "udp_length"),
        (with_octet(BARE, 39, 7), [], "udp_length"),
        (dict(corpus())["IPv6: ARP request"][:-1], [], "ip_length"),
        (dict(corpus())["outer IPv6 UDP length 3"], [], "udp_length"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_the_verdict(
    capsys: pytest.CaptureFixture[str], octets: bytes, options: list[str], reason: str | None
) -> None:
    verdict = decoded(capsys, octets, *options)["verdict"]
    assert verdict["reason"] == reason
    what = {None: "delivered", "other_host": "ignored"}.get(reason, "dropped")
    assert verdict["what"] == what
    assert verdict["by"] == ("vtep" if reason is None or reason in set(Drop) else "kernel")
    for drop in Drop:
        if drop == reason:
            assert verdict["text"].startswith(f"dropped: {drop}: {drop.meaning}")


def fragmented(octets: bytes, at: int, more: int) -> bytes:
    return octets[:20] + (more << 13 | at).to_bytes(2, "big") + octets[22:]


@pytest.mark.parametrize(("at", "more"), [(0, 1), (64, 0)])
def test_a_fragment_has_no_verdict(capsys: pytest.CaptureFixture[str], at: int, more: int) -> None:
    verdict = decoded(capsys, fragmented(BARE, at, more))["verdict"]
    assert (verdict["by"], verdict["what"], verdict["reason"]) == ("kernel", "ignored", "fragment")


def test_only_missing_configuration_is_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    vni, peer = decoded(capsys, BARE)["verdict"]["assumed"]
    assert "100" in vni
    assert "--vni" in vni
    assert "10.0.1.41" in peer
    assert "--peer" in peer
    given = ["--vni", "100", "--peer", "10.0.1.41"]
    assert decoded(capsys, BARE, *given)["verdict"]["assumed"] == []
    (sender,) = decoded(capsys, BARE[42:], *given)["verdict"]["assumed"]
    assert sender.startswith("10.0.1.41")
    assert decoded(capsys, BARE, "--accept-any")["verdict"]["assumed"] == [vni]


def test_a_frame_without_vxlan_has_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    other_port = dict(corpus())["no VXLAN port: ARP"]
    for octets in (ARP[50:], other_port, dict(corpus())["IPv4: UDP"][50:]):
        assert decoded(capsys, octets)["verdict"] is None
        assert run_command("decode", [octets.hex()]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
    assert decoded(capsys, other_port, "--port", "4788")["verdict"]["what"] == "delivered"


@pytest.mark.parametrize(
    ("octets", "first"),
    [(frame, "ethernet") for name, frame in corpus() if "cut to" not in name and "bit" not in name],
)
def test_a_whole_frame_is_recognised(octets: bytes, first: str) -> None:
    assert guess(octets) == first


@pytest.mark.parametrize("name", ["IPv4: ARP request", "IPv6: ARP request", "IPv4 options: ARP"])
def test_a_later_first_header_is_recognised(name: str) -> None:
    frame = dict(corpus())[name]
    udp = frame.index(bytes.fromhex("12b5")) - 2
    assert guess(frame[14:]) == "ip"
    assert guess(frame[udp + 8 :]) == "vxlan"
    assert guess(with_octet(frame[udp + 8 :], 0, 0)) == "vxlan"


def test_it_learns_from_frame_to_frame(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("decode", [str(CAPTURE), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    verdicts = [line["verdict"] for line in lines]
    assert [verdict and verdict["source"] for verdict in verdicts] == [
        *("learned", "learned", "refreshed", "refreshed", None),
        *("learned", None, None, "moved", None),
    ]
    assert verdicts[8]["text"].endswith("moved from 10.0.1.41 to 10.0.1.99")
    assert [line["direction"] for line in lines] == ["in", "out"] + 8 * ["in"]
    assert lines[0]["comments"] == ["c2 asks for the MAC of c1"]
    assert lines[0]["time"] == pytest.approx(1_795_539_600)
    assert (lines[0]["interface"], lines[0]["size"], lines[0]["kept"]) == ("u1", 92, 92)


def test_the_example_capture_is_up_to_date() -> None:
    assert CAPTURE.read_bytes() == capture()


def packed(octets: bytes, link: int, size: int | None = None) -> bytes:
    return (
        pcap.section_block("test")
        + pcap.interface_block("any", link=link)
        + pcap.frame_block(0, octets, 0, size=size)
    )


SLL = bytes.fromhex("000000010006 0242ac12000c 0000 0800".replace(" ", ""))
SLL2 = bytes.fromhex("08000000000000010001000602 42ac12000c0000".replace(" ", ""))


@pytest.mark.parametrize(
    ("octets", "link", "what"),
    [
        (BARE, pcap.ETHERNET, "delivered"),
        (BARE[14:], pcap.RAW_IP, "delivered"),
        (SLL + BARE[14:], pcap.LINUX_SLL, "delivered"),
        (SLL2 + BARE[14:], pcap.LINUX_SLL2, "delivered"),
        (SLL[:14] + b"\x08\x06" + ARP[64:], pcap.LINUX_SLL, None),
        (BARE, 147, None),
        (b"", pcap.ETHERNET, None),
    ],
)
def test_link_types(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, octets: bytes, link: int, what: str | None
) -> None:
    path = tmp_path / "one.pcapng"
    path.write_bytes(packed(octets, link))
    assert run_command("decode", [str(path), "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["verdict"] and one["verdict"]["what"]) == what
    assert run_command("decode", [str(path), "--short"]) == 0
    assert ("VNI 100" not in capsys.readouterr().out) == (what is None)


def test_a_frame_cut_by_the_capture_can_be_delivered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "snapped.pcapng"
    path.write_bytes(packed(ECHO[:70], pcap.ETHERNET, len(ECHO)))
    assert run_command("decode", [str(path)]) == 0
    head, *rest = capsys.readouterr().out.splitlines()
    assert f"{len(ECHO)} " in head
    assert " 70 " in head
    assert any("delivered to vx0" in line for line in rest)
    path.write_bytes(packed(ECHO[:66], pcap.ETHERNET, len(ECHO)))
    assert run_command("decode", [str(path)]) == 0
    verdict = capsys.readouterr().out.splitlines()[-2]
    assert "=>" in verdict
    assert "24 of 90" in verdict


def run(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "vtep", "decode", *words]
    return subprocess.run(command, input=given, capture_output=True, timeout=30)


def test_a_damaged_capture_is_decoded_up_to_the_damage() -> None:
    done = run("--short", "-", given=capture()[:500])
    assert done.returncode == 1
    assert done.stdout.count(b"Frame ") == 2
    assert done.stderr.startswith(b"vtep: error: ")
    assert b"block 5" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "given", "named"),
    [
        (["no-such-file"], b"", ["'no-such-file'", "hexadecimal"]),
        (["/"], b"", ["/", "Is a directory"]),
        (["no/such/file"], b"", ["'no/such/file'", "hexadecimal"]),
        (["0g" * 300], b"", ["0g0g", "hexadecimal"]),
        ([str(CAPTURE)] * 2, b"", [str(CAPTURE), "one file"]),
        (["-"], b"\x7fELF\xff", ["pcap", "pcapng", "hexadecimal"]),
        (["-"], b"", ["hexadecimal"]),
        (["123"], b"", ["3 hexadecimal digits"]),
        (["08", "--vni", "16777216"], b"", ["--vni", "16777216", "16777215"]),
        (["08", "--peer", "h2"], b"", ["--peer", "h2", "IP address"]),
        (["08", "--port", "x"], b"", ["--port", "x", "65535"]),
        (["08", "--vlan", "4095"], b"", ["--vlan", "4095", "4094"]),
        (["08", "--from", "tcp"], b"", ["--from", "tcp"]),
    ],
)
def test_bad_usage_is_refused_in_one_line(words: list[str], given: bytes, named: list[str]) -> None:
    done = run(*words, given=given)
    assert (done.returncode, done.stdout) == (2, b"")
    message = done.stderr.decode()
    assert message.startswith("vtep: error: ")
    assert [word for word in named if word not in message] == []
    assert len(message.splitlines()) == 1


def test_it_is_quick_and_imports_neither_scapy_nor_rich() -> None:
    started = time.monotonic()
    assert run("0800000000006400").returncode == 1
    assert time.monotonic() - started < 1.5
    script = (
        "import sys; from vtep.cli.main import main\n"
        "main(['decode', '0800000000006400', '--json'])\n"
        "sys.exit(' '.join({'scapy', 'rich', 'uvloop', 'pyroute2', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30)
    assert done.stderr == b"\n" or done.stderr == b""


def test_a_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    path = tmp_path / "long.pcapng"
    path.write_bytes(capture() + 200 * pcap.frame_block(0, ARP, 0))
    command = f"{sys.executable} -m vtep decode {path} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"Frame 1: 92 ")


def test_colour_is_for_a_terminal_without_no_color() -> None:
    assert b"\x1b" not in run(CAPTURE.as_posix()).stdout
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        leader, follower = os.openpty()
        command = [sys.executable, "-m", "vtep", "decode", "--short", "0800000000006400"]
        environment = {name: os.environ[name] for name in os.environ if name != "NO_COLOR"}
        subprocess.run(
            command, stdout=follower, env=environment | variables, timeout=30, check=False
        )
        os.close(follower)
        assert (b"\x1b[1mFrame 1:" in os.read(leader, 65536)) == coloured
        os.close(leader)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120), st.sampled_from(["ethernet", "ip", "vxlan", None]))
def test_any_octets_are_decoded(octets: bytes, first: str | None) -> None:
    options = [] if first is None else ["--from", first]
    before, sys.stdout = sys.stdout, io.StringIO()
    try:
        if octets:
            assert run_command("decode", [octets.hex(), *options]) in (0, 1)
        else:
            with pytest.raises(UsageError, match="hexadecimal"):
                run_command("decode", ["", *options])
    finally:
        sys.stdout = before
