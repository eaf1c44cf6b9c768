"""decode.hexdump: octets from pasted text and from the output of other programs."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtep import pcap
from vtep.decode.hexdump import frames_of
from vtep.errors import UsageError

ROOT = Path(__file__).parents[2]
CAPTURE = ROOT / "docs" / "examples" / "tunnel.pcapng"
HEADER = bytes.fromhex("0800000000006400")


def printed(*command: str, given: bytes = b"") -> str:
    done = subprocess.run(command, input=given, capture_output=True, check=True, timeout=30)
    return done.stdout.decode()


def captured() -> list[bytes]:
    with CAPTURE.open("rb") as stream:
        return [record.octets for record in pcap.read(stream)]


@pytest.mark.parametrize(
    "text",
    [
        "0800000000006400",
        "0x0800000000006400",
        "0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x64, 0x00",
        "08 00 00 00 00 00 64 00",
        "0800 0000 0000 6400\n",
        "08:00:00:00:00:00:64:00",
        "08-00-00-00 00-00-64-00",
        r"\x08\x00\x00\x00\x00\x00\x64\x00",
        "'08000000'\n'00006400'",
        "0000: 0800 0000 0000 6400",
        "  0x0000:  0800 0000 0000 6400       ......d.",
        "00000000  08 00 00 00 00 00 64 00                           |......d.|\n00000008",
        "0000   08 00 00 00 00 00 64 00   ......d.",
        "words before\n0000  08 00 00 00 00 00 64 00\nand after",
    ],
)
def test_many_spellings_give_the_same_header(text: str) -> None:
    assert frames_of(text) == [HEADER]


def test_an_empty_line_separates_frames() -> None:
    assert frames_of("0800\n0000\n\n \nff\n\n") == [b"\x08\0\0\0", b"\xff"]


def test_characters_after_the_octets_are_ignored() -> None:
    octets = b"feedbeefcafe" + b"ab cd ef"
    assert frames_of(printed("xxd", given=octets)) == [octets]
    assert frames_of(printed("hexdump", "-v", "-C", given=octets)) == [octets]


@pytest.mark.parametrize(
    "command",
    [
        ["tcpdump", "-r", str(CAPTURE), "-xx"],
        ["tcpdump", "-r", str(CAPTURE), "-XX", "-vv"],
        ["tshark", "-r", str(CAPTURE), "-x"],
        ["tshark", "-r", str(CAPTURE), "-P", "-x"],
    ],
    ids=" ".join,
)
def test_the_output_of_other_programs_is_read(command: list[str]) -> None:
    assert frames_of(printed(*command)) == captured()


def test_a_dump_may_lack_the_ethernet_header() -> None:
    assert frames_of(printed("tcpdump", "-r", str(CAPTURE), "-x")) == [f[14:] for f in captured()]


@given(st.binary(min_size=1, max_size=100))
def test_a_dump_of_any_octets_is_read(octets: bytes) -> None:
    lines = [
        f"{at:08x}: {octets[at : at + 16].hex(' ', 2):<40} {_characters(octets[at : at + 16])}"
        for at in range(0, len(octets), 16)
    ]
    assert frames_of("\n".join(lines)) == [octets]


def _characters(octets: bytes) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 else "." for octet in octets)


@given(st.text(max_size=200))
def test_any_text_is_octets_or_an_error_in_one_line(text: str) -> None:
    said = ""
    try:
        frames_of(text)
    except UsageError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("08000", ["5 hexadecimal digits"]),
        ("0x0g", ["'g'", "'0x0g'"]),
        ("0000  08 00\n0010  00 00", ["line 2", "0x10", "0x2"]),
        ("00000000  " + "00 " * 16 + "\n*\n00000020", ["line 2", "*", "hexdump -v"]),
        ("0" * (1 << 24) + "0", ["16777216", "capture file"]),
    ],
)
def test_an_error_names_the_line_or_the_value(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        frames_of(text)
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
