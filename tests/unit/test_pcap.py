"""pcap: written frames are read again, and a damaged file is an error of one line."""

import io
import json
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtep import pcap
from vtep.pcap import CaptureError, Interface, Record

FRAME = bytes(range(60))
TIME = 1_795_000_000_123_456_789


def pcap_file(order: str, magic: int, fraction: int, link: int = 1) -> bytes:
    header = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    return header + struct.pack(f"{order}IIII", 1_795_000_000, fraction, 60, 70) + FRAME


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, options: bytes = b"", snap: int = 0) -> bytes:
    return block(order, 1, struct.pack(f"{order}HHI", 1, 0, snap) + options)


def enhanced(order: str, ticks: int, which: int = 0) -> bytes:
    head = struct.pack(f"{order}IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, 60, 60)
    return block(order, 6, head + FRAME)


def huge() -> bytes:
    size = pcap.MAX_FRAME + 1
    return block("<", 6, struct.pack("<IIIII", 0, 0, 0, size, size) + bytes(size))


def read(octets: bytes) -> list[Record]:
    return list(pcap.read(io.BytesIO(octets)))


@pytest.mark.parametrize("order", "<>")
def test_pcap_is_read_in_both_byte_orders_and_units(order: str) -> None:
    interface = Interface(101)
    for magic, fraction, time in (
        (0xA1B2C3D4, 123456, 1_795_000_000_123_456_000),
        (0xA1B23C4D, 123456789, TIME),
    ):
        octets = pcap_file(order, magic, fraction, 101)
        assert pcap.is_capture(octets)
        assert read(octets) == [Record(FRAME, 70, time, interface)]


@pytest.mark.parametrize("order", "<>")
def test_pcapng_is_read_in_both_byte_orders(order: str) -> None:
    nanoseconds = struct.pack(f"{order}HHB3x", 9, 1, 9)
    halves = struct.pack(f"{order}HHB3xHHq", 9, 1, 0x80 | 1, 14, 8, 100)
    octets = (
        section(order)
        + interface(order)
        + interface(order, nanoseconds)
        + interface(order, halves)
        + block(order, 0xBAD, b"unknown")
        + enhanced(order, TIME // 1000, 0)
        + enhanced(order, TIME, 1)
        + enhanced(order, 7, 2)
        + block(order, 3, struct.pack(f"{order}I", 60) + FRAME)
    )
    records = read(octets)
    assert [r.octets for r in records] == [FRAME] * 4
    times = [TIME // 1000 * 1000, TIME, 103_500_000_000, None]
    assert [r.time for r in records] == times


def test_a_simple_packet_is_cut_to_the_limit_of_its_interface() -> None:
    octets = section("<") + interface("<", snap=20) + block("<", 3, struct.pack("<I", 60) + FRAME)
    assert [(r.octets, r.size) for r in read(octets)] == [(FRAME[:20], 60)]


def test_the_name_of_an_interface_is_limited() -> None:
    blocks = [pcap.section_block("test"), pcap.interface_block("n" * 65535, "d" * 65535)]
    (record,) = pcap.read(io.BytesIO(b"".join([*blocks, pcap.frame_block(0, b"x", 0)])))
    assert record.interface == Interface(pcap.ETHERNET, "n" * 256, "d" * 256)


def test_a_new_section_forgets_the_interfaces_of_the_old_one() -> None:
    octets = section("<") + interface("<") + section(">") + enhanced(">", 1)
    with pytest.raises(CaptureError, match="block 4"):
        read(octets)


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.binary(max_size=80),
            st.integers(0, 2**64 - 1),
            st.lists(texts.filter(bool), max_size=3),
            st.sampled_from(["in", "out", None]),
            st.integers(0, 2**32 - 1),
        ),
        max_size=5,
    ),
    texts,
)
def test_written_frames_are_read_again(
    frames: list[tuple[int, bytes, int, list[str], pcap.CaptureDirection | None, int]], name: str
) -> None:
    interfaces = [Interface(1, "vx0", "inner"), Interface(101, name, name * 2)]
    octets = pcap.section_block("vtep")
    for one in interfaces:
        octets += pcap.interface_block(one.name, one.description, link=one.link)
    for frame in frames:
        octets += pcap.frame_block(*frame)
    assert read(octets) == [
        Record(data, size, time, interfaces[which], tuple(comments), direction)
        for which, data, time, comments, direction, size in frames
    ]


def test_tshark_reads_written_frames(tmp_path: Path) -> None:
    path = tmp_path / "two.pcapng"
    path.write_bytes(
        pcap.section_block("vtep 0.1.0")
        + pcap.interface_block("vx0", "inner frames")
        + pcap.interface_block("uplink", link=pcap.RAW_IP)
        + pcap.frame_block(0, FRAME, TIME, ["flooded to 2 peers", "second"], "out")
        + pcap.frame_block(1, FRAME, TIME + 1, (), "in", size=1500)
    )
    names = ["interface_name", "time_epoch", "comment", "len", "cap_len", "packet_flags_direction"]
    fields = [word for name in names for word in ("-e", f"frame.{name}")]
    command = ["tshark", "-r", str(path), "-T", "json", *fields]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=60)
    first, second = (one["_source"]["layers"] for one in json.loads(shown.stdout))
    assert first["frame.interface_name"] == ["vx0"]
    assert first["frame.time_epoch"] == ["1795000000.123456789"]
    assert first["frame.comment"] == ["flooded to 2 peers", "second"]
    assert first["frame.packet_flags_direction"] == ["0x00000002"]
    assert second["frame.interface_name"] == ["uplink"]
    assert (second["frame.len"], second["frame.cap_len"]) == (["1500"], ["60"])


whole = (
    section("<")
    + interface("<", struct.pack("<HHB3x", 9, 1, 9))
    + enhanced("<", 5)
    + block("<", 3, struct.pack("<I", 60) + FRAME)
)


@given(
    st.sampled_from([whole, pcap_file("<", 0xA1B2C3D4, 1), pcap_file(">", 0xA1B23C4D, 1)]),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3),
    st.integers(0, 300),
)
def test_a_damaged_file_is_an_error_of_one_line(
    octets: bytes, changes: list[tuple[int, int]], size: int
) -> None:
    broken = bytearray(octets)
    for at, value in changes:
        if at < len(broken):
            broken[at] = value
    said = ""
    try:
        read(bytes(broken[:size]))
    except CaptureError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", ["pcap", "pcapng"]),
        (b"hello world", ["pcap", "pcapng"]),
        (pcap_file("<", 0xA1B2C3D4, 0)[:-7], ["frame 1", " 7 "]),
        (pcap_file("<", 0xA1B2C3D4, 0)[:30], ["frame 1", " 10 "]),
        (pcap_file("<", 0xA1B2C3D4, 0)[:32] + b"\xff" * 8, ["frame 1", "4294967295"]),
        (section("<")[:-4], ["block 1", " 4 "]),
        (section("<")[:8] + bytes(20), ["block 1", "byte order"]),
        (section("<") + b"\x06\0\0\0\xf0\xff\xff\xff", ["block 2", "4294967280"]),
        (section("<") + b"\x06\0\0\0\x0d\0\0\0", ["block 2", "13"]),
        (section("<")[:-4] + bytes(4), ["block 1", "lengths"]),
        (section("<") + block("<", 6, b""), ["block 2"]),
        (section("<") + interface("<") + huge(), ["block 3", "262145"]),
        (section("<") + interface("<") * 4097, ["4096"]),
        (section("<").replace(b"\x01\0\0\0\xff", b"\x02\0\0\0\xff"), ["block 1", "version"]),
    ],
)
def test_an_error_names_the_place_and_the_value(octets: bytes, words: list[str]) -> None:
    with pytest.raises(CaptureError) as caught:
        read(octets)
    assert [word for word in words if word not in str(caught.value)] == []
