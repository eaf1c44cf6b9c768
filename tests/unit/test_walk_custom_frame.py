"""walk.custom_frame: every spelling of a frame, and walks of any octets."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import wrpcap, wrpcapng

from tests.frames import ARP, IP, UDP, Dot1Q, Ether, frame
from vtep.dataplane.counters import Drop
from vtep.dissect import dissect
from vtep.dissect.chain import MAX_HEADERS
from vtep.errors import UsageError
from vtep.walk.custom_frame import read_frame
from vtep.walk.engine import run
from vtep.walk.frames import C1, C2, arp
from vtep.walk.html import page
from vtep.walk.model import MAX_PIECE, result_as_json
from vtep.walk.options import MAX_WALK_FRAME, Options
from vtep.walk.text import Text

FRAME = frame()


@pytest.mark.parametrize("written", [FRAME.hex(), FRAME.hex(":"), FRAME.hex(" ").upper(),
                                     "0x" + FRAME.hex(), FRAME.hex("-", 2),
                                     "\\x" + FRAME.hex(",").replace(",", "\\x")])  # fmt: skip
def test_hexadecimal_is_read_with_any_separator(written: str) -> None:
    assert read_frame(written) == FRAME


def test_hexadecimal_may_be_longer_than_a_file_name() -> None:
    assert read_frame((FRAME + bytes(3000)).hex()) == FRAME + bytes(3000)


def test_a_frame_of_a_capture_is_selected_by_number(tmp_path: Path) -> None:
    frames = [Ether(FRAME), Ether(frame(inner=ARP()))]
    wrpcap(str(tmp_path / "a.pcap"), frames)
    wrpcapng(str(tmp_path / "b:2.pcapng"), frames)
    assert read_frame(f"{tmp_path}/a.pcap") == FRAME
    assert read_frame(f"{tmp_path}/a.pcap:2") == bytes(frames[1])
    assert read_frame(f"{tmp_path}/b:2.pcapng") == FRAME
    assert read_frame(f"{tmp_path}/b:2.pcapng:2") == bytes(frames[1])


def test_an_expression_gets_the_addresses_of_the_containers() -> None:
    built = Ether(read_frame("Ether()/Dot1Q(vlan=7)/IP()/UDP(dport=53)/Raw(b'x')"))
    assert (built.src, built.dst, built[Dot1Q].vlan) == (
        "02:42:ac:12:00:0b",
        "02:42:ac:12:00:0c",
        7,
    )
    assert (built[IP].src, built[IP].dst, built[UDP].dport) == ("172.18.0.11", "172.18.0.12", 53)
    assert read_frame("Ether(src='02:00:00:00:00:01')/IP(ttl=1)")[6:12].hex() == "020000000001"
    assert read_frame("Ether(dst='ff:ff:ff:ff:ff:ff')/ARP()") == arp(1, C1, C2)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", ["hexadecimal"]),
        ("0g", ["hexadecimal", "'g'", "'0g'"]),
        ("000", ["3 hexadecimal digits"]),
        ("0g" * 300, ["hexadecimal", "'g'", "'0g0g"]),
        ("/", ["/: ", "Is a directory"]),
        ("1()", ["layer"]),
        ("(1)", ["layer"]),
        ("(Ether)", ["layer"]),
        ("none.pcap", ["none.pcap", "--frame"]),
        ("Ether(", ["expression"]),
        ("Eter()", ["'Eter'"]),
        ("open('x')", ["'open'"]),
        ("Ether().__class__()", ["Attribute"]),
        ("(lambda: 1)()", ["Lambda"]),
        ("Raw()/9", ["frame"]),
        ("Ether()/Raw(b'x'*20000)", ["20014", "9216"]),
    ],
)
def test_text_that_is_not_a_frame_is_refused_in_one_line(written: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read_frame(written)
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one.pcap:2", ["frame 2"]),
        ("one.pcap:0", ["frame 0"]),
        ("ip.pcap", ["frame 1", "Ethernet"]),
        ("text", ["pcap", "pcapng"]),
    ],
)
def test_a_capture_without_that_frame_is_refused(
    tmp_path: Path, name: str, words: list[str]
) -> None:
    wrpcap(str(tmp_path / "ip.pcap"), [IP()])
    wrpcap(str(tmp_path / "one.pcap"), [Ether(FRAME)])
    (tmp_path / "text").write_text("hello")
    with pytest.raises(UsageError) as caught:
        read_frame(f"{tmp_path}/{name}")
    message = str(caught.value).replace(str(tmp_path), "")
    assert [word for word in words if word not in message] == []


def test_an_unknown_destination_is_flooded_and_a_local_one_is_not_sent() -> None:
    (walk,) = run(Options(frame=FRAME)).walks
    assert walk.stations[2].decision.startswith("unknown unicast")
    assert walk.arrived
    (walk,) = run(Options(frame=frame(src="02:00:00:00:00:0b"))).walks
    assert walk.stations[-1].drop == Drop.LOCAL_DESTINATION
    (walk,) = run(Options(frame=frame(vlan=7), vlan=8)).walks
    assert walk.stations[-1].drop == Drop.UNKNOWN_VLAN
    (walk,) = run(Options(frame=frame(vlan=7))).walks
    assert [one.key for one in walk.stations[2].pieces if one.sign == "-"] == ["inner_vlan"]


def test_a_bridge_forwards_and_drops_the_same_frames_as_the_kernel() -> None:
    """Observed on a Linux bridge without spanning tree, with a port of MTU 1450."""
    group, link_local = b"\x01\x00\x5e\x00\x00\x01", b"\x01\x80\xc2\x00\x00"
    plain, tagged = FRAME[:14], frame(vlan=7)[:18]
    for passes, sent in (
        (True, plain + bytes(1468 - 14)),
        (False, plain + bytes(1469 - 14)),
        (True, tagged + bytes(1472 - 18)),
        (False, tagged + bytes(1473 - 18)),
        *((last not in range(1, 16), link_local + bytes([last]) + FRAME[6:]) for last in range(34)),
        (True, group + FRAME[6:]),
        (False, FRAME[:6] + group + FRAME[12:]),
        (False, FRAME[:6] + bytes(6) + FRAME[12:]),
    ):
        decision = run(Options(frame=sent)).walks[0].stations[1].decision
        assert ("would drop" not in decision) == passes, sent[:20].hex()


def test_a_long_frame_is_shortened_but_keeps_its_size() -> None:
    data = FRAME[:14] + bytes(MAX_WALK_FRAME - 14)
    result = run(Options(frame=data, underlay_mtu=9216, mtu=9166))
    assert result.walks[0].stations[-1].drop == Drop.OVERSIZE
    result = run(Options(frame=data[:-50], underlay_mtu=9216))
    assert result.walks[0].arrived
    payload = result.walks[0].stations[-1].pieces[-1]
    assert (len(payload.octets), payload.size) == (MAX_PIECE, MAX_WALK_FRAME - 64)


def test_a_frame_of_many_tags_is_shortened_too() -> None:
    tower = FRAME[:12] + struct.pack(">HH", 0x8100, 7) * 2000
    assert len(dissect(tower)) == MAX_HEADERS + 1
    result = run(Options(frame=tower, underlay_mtu=9216))
    assert len(json.dumps(result_as_json(result))) < 100_000


def plausible(octets: bytes, ethertype: int, tags: int) -> bytes:
    """Return a frame that begins with a known EtherType and continues with any octets."""
    tag = struct.pack(">HH", 0x8100, 7) * tags
    return FRAME[:12] + tag + struct.pack(">H", ethertype) + octets


FRAMES = st.binary(max_size=120) | st.builds(
    plausible,
    st.binary(max_size=90) | st.builds(bytes.__add__, st.sampled_from(
        [b"\x45\x00\x00\x40", b"\x60\x00\x00\x00\x00\x20", b"\x4f\x00", b"\x00\x01\x08\x00\x06\x04"]
    ), st.binary(max_size=90)),
    st.sampled_from([0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x0026, 0xFFFF]),
    st.integers(0, 5),
)  # fmt: skip


@given(
    FRAMES,
    st.sampled_from([None, 7]),
    st.booleans(),
    st.sampled_from([None, "vni", "flag", "port", "checksum", "peer"]),
)
def test_any_octets_can_be_walked(
    octets: bytes, vlan: int | None, ipv6: bool, what_if: str | None
) -> None:
    result = run(Options(frame=octets, vlan=vlan, ipv6=ipv6, what_if=what_if))  # type: ignore[arg-type]
    (walk,) = result.walks
    assert walk.arrived == (walk.stations[-1].drop is None)
    for station in walk.stations:
        assert station.size == sum(one.size for one in station.pieces if one.sign != "-")
    assert b"".join(one.octets for one in walk.stations[0].pieces) == octets
    json.dumps(result_as_json(result))
    assert "\n".join(Text(colour=True, verbose=True).lines(result))
    assert page(result).startswith("<!doctype html>")
